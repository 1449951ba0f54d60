"""Jenkins: a declarative pipeline, read as Groovy reads it as far as the recipe goes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from shell import Project, Ran

TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*)|(?P<long>'''(?:\\.|[^\\])*?''')|(?P<text>'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<gstring>"(?:\\.|[^"\\\n])*")|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(){}=\[\],:])""",
    re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}


@dataclass
class Statement:
    name: str
    arguments: list[str] = field(default_factory=list)
    block: list[Statement] | None = None

    def find(self, name: str, argument: str | None = None) -> Statement:
        """The one statement of this name in the block."""
        found = [s for s in self.block or [] if s.name == name and (argument is None or s.arguments == [argument])]
        assert len(found) == 1, f"{len(found)} of {name} {argument or ''} in {self.name}"
        return found[0]


class Reader:
    """Statements: `name`, `name 'text'`, `name(…)`, `NAME = value`, each with or without a block."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f"not understood: {text[at:at + 40]!r}")
            at = found.end()
            if found.lastgroup != "blank":
                self.tokens.append((found.lastgroup or "", found.group()))

    def take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False

    def block(self) -> list[Statement]:
        statements = []
        while self.tokens and not self.take("}"):
            statements.append(self.statement())
        return statements

    def statement(self) -> Statement:
        kind, name = self.tokens.pop(0)
        if kind != "name":
            raise ValueError(f"not understood: {name}")
        statement = Statement(name)
        if self.take("="):
            statement.arguments.append(self.value())
        elif self.take("("):
            while not self.take(")"):
                if not (self.take("[") or self.take("]") or self.take(",")):
                    statement.arguments.append(self.value())
        elif self.tokens[0][0] in ("long", "text"):
            statement.arguments.append(self.value())
        elif self.tokens[0][0] == "name" and name == "agent":
            statement.arguments.append(self.tokens.pop(0)[1])
        if self.take("{"):
            statement.block = self.block()
        return statement

    def value(self) -> str:
        kind, token = self.tokens.pop(0)
        if kind == "name":
            assert self.take("("), f"not understood: {token}"
            values = []
            while not self.take(")"):
                named = self.tokens[0][0] == "name" and self.tokens[1] == ("sign", ":")
                name = f"{self.tokens.pop(0)[1]}: " if named and self.tokens.pop(1) else ""
                values.append(name + self.value())
                self.take(",")
            return f"{token}({', '.join(values)})"
        inside = token[3:-3] if kind == "long" else token[1:-1]
        return re.sub(r"\\(.)", lambda found: ESCAPES.get(found.group(1), found.group(1)), inside, flags=re.DOTALL)


class Build:
    def __init__(self, recipe: str, project: Project) -> None:
        self.pipeline = Reader(recipe).block()[0]
        self.project = project
        # What the credential epr-db-password holds.
        self.password = ""

    def environment(self, db: str, password: str, run: dict[str, str]) -> dict[str, str]:
        tag = run["tag"]
        given = {
            "EPR_DB": db,
            "GIT_COMMIT": run["commit"],
            "GIT_BRANCH": tag or run["branch"],
            # A build that is tried again is another build.
            "BUILD_NUMBER": run["number"],
            "BUILD_TAG": f"jenkins-delivery-{run['number']}-{run['attempt']}",
            "BUILD_URL": f"https://jenkins.example/job/delivery/{run['number']}/",
            **({"TAG_NAME": tag} if tag else {}),
        }
        for variable in self.pipeline.find("environment").block or []:
            (value,) = variable.arguments
            given[variable.name] = {"credentials(epr-db-password)": password}.get(value, value)
        return {**given, "GATE_WAIT": "100ms"}

    def steps(self, statements: list[Statement], variables: dict[str, str], result: str) -> tuple[int, int | None]:
        """Runs steps up to the first that fails: its exit code, and that of the one that records."""
        recorded = None
        for step in statements:
            if step.name == "withEnv":
                more = dict(text.split("=", 1) for text in step.arguments)
                more = {name: value.replace("${currentBuild.currentResult}", result) for name, value in more.items()}
                assert not any("${" in value for value in more.values()), more
                code, inner = self.steps(step.block or [], {**variables, **more}, result)
                recorded = inner if inner is not None else recorded
            elif step.name == "withCredentials":
                (text,) = step.arguments
                given = re.fullmatch(r"string\(credentialsId: epr-db-password, variable: (\w+)\)", text)
                assert given, f"no such credential: {text}"
                code, inner = self.steps(step.block or [], {**variables, given.group(1): self.password}, result)
                recorded = inner if inner is not None else recorded
            elif step.name == "sh":
                (text,) = step.arguments
                # The agent's shell says each command before it runs it: no secret may stand in one.
                script = self.project.file("script.sh", text)
                code = self.project.run(["sh", "-xe", str(script)], variables)
                if "event create" in text:
                    recorded = code
            else:
                raise ValueError(f"not understood: {step.name}")
            if code != 0:
                return code, recorded
        return 0, recorded

    def stage(self, name: str, db: str, password: str, run: dict[str, str]) -> Ran:
        stage = self.pipeline.find("stages").find("stage", name)
        self.password = password
        variables = self.environment(db, password, run)
        code, recorded = self.steps(stage.find("steps").block or [], variables, "SUCCESS")
        ran = Ran(code, recorded)
        posts = [statement for statement in stage.block or [] if statement.name == "post"]
        for post in posts:
            result = "SUCCESS" if ran.code == 0 else "FAILURE"
            code, ran.recorded = self.steps(post.find("always").block or [], variables, result)
            ran.code = ran.code or code
        return self.project.finish(ran)

    def scan(self, db: str, password: str, run: dict[str, str]) -> Ran:
        return self.stage("Scan", db, password, run)

    def deploy(self, db: str, password: str, run: dict[str, str]) -> Ran:
        stages = [statement.arguments[0] for statement in self.pipeline.find("stages").block or []]
        assert stages == ["Scan", "Deploy"], stages
        return self.stage("Deploy", db, password, run)

    @staticmethod
    def unit(run: dict[str, str]) -> tuple[str, str, str]:
        return run["name"], run["tag"] or run["commit"], run["number"]

    @staticmethod
    def payload(run: dict[str, str], success: bool) -> dict[str, str]:
        return {
            "run": f"https://jenkins.example/job/delivery/{run['number']}/",
            "commit": run["commit"],
            "ref": run["tag"] or run["branch"],
            "outcome": "SUCCESS" if success else "FAILURE",
        }
