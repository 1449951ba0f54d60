"""GitHub Actions: the jobs of a workflow with their steps, `if` conditions, `env` and expressions."""

from __future__ import annotations

import re
from typing import Any

import yaml
from shell import Project, Ran

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>&&|\|\||==|!=|[!(),])|(?P<name>[A-Za-z_][\w.-]*))")
PINNED = re.compile(r"[\w-]+/[\w-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})")


class Expression:
    """The part of the language of `${{ }}` that the recipe uses; anything else is an error."""

    def __init__(self, text: str, contexts: dict[str, Any], functions: dict[str, bool]) -> None:
        self.contexts, self.functions, self.tokens = contexts, functions, []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f"not understood: {text[at:]!r}")
            self.tokens.append(found.group("text") or found.group("sign") or found.group("name"))
            at = found.end()

    def value(self) -> Any:
        value = self.either()
        if self.tokens:
            raise ValueError(f"not understood: {self.tokens}")
        return value

    def take(self, *signs: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in signs else None

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.take("&&"):
            other = self.equal()
            value = value and other
        return value

    def equal(self) -> Any:
        value = self.single()
        while sign := self.take("==", "!="):
            # Texts are compared without regard to case.
            same = str(value).lower() == str(self.single()).lower()
            value = same if sign == "==" else not same
        return value

    def single(self) -> Any:
        if self.take("!"):
            return not self.single()
        if self.take("("):
            value = self.either()
            if not self.take(")"):
                raise ValueError("a bracket is not closed")
            return value
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self.take("("):
            if not self.take(")"):
                raise ValueError(f"{token} takes nothing")
            return self.functions[token]
        value: Any = self.contexts
        for part in token.split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return value


class Workflow:
    def __init__(self, recipe: str, project: Project) -> None:
        self.workflow = yaml.safe_load(recipe)
        self.project = project
        assert self.workflow["permissions"] == {"contents": "read"}, "the workflow may do more than it needs"
        for job in self.workflow["jobs"].values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), f"an expression in a script: {step['run']}"
                assert "uses" not in step or PINNED.fullmatch(step["uses"]), f"not pinned: {step['uses']}"
        self.workflow["env"]["GATE_WAIT"] = "100ms"

    @staticmethod
    def contexts(db: str, password: str, run: dict[str, str]) -> dict[str, Any]:
        tag = bool(run["tag"])
        return {
            "vars": {"EPR_DB": db},
            "secrets": {"EPR_DB_PASSWORD": password},
            "github": {
                "server_url": "https://github.example",
                "repository": run["project"],
                "ref_type": "tag" if tag else "branch",
                "ref_name": run["tag"] or run["branch"],
                "sha": run["commit"],
                "run_number": run["number"],
                "run_id": f"9{run['number']}",
                "run_attempt": run["attempt"],
            },
        }

    def expanded(self, text: Any, contexts: dict[str, Any]) -> str:
        one = lambda found: str(Expression(found.group(1), contexts, {}).value())  # noqa: E731
        return re.sub(r"\$\{\{(.*?)\}\}", one, str(text))

    def job(self, name: str, contexts: dict[str, Any]) -> Ran:
        """Runs one job whatever came of those that it needs."""
        contexts = {**contexts, "steps": {}, "github": {**contexts["github"], "job": name}}
        common = {key: self.expanded(value, contexts) for key, value in self.workflow["env"].items()}
        ran = Ran()
        for step in self.workflow["jobs"][name]["steps"]:
            if "uses" in step:
                continue
            functions = {"always": True, "success": ran.code == 0, "failure": ran.code != 0, "cancelled": False}
            condition = str(step.get("if", "success()")).removeprefix("${{").removesuffix("}}")
            if not any(f"{function}(" in condition for function in functions):
                condition = f"success() && ({condition})"
            goes = Expression(condition, contexts, functions).value()
            code = None
            if goes:
                own = {key: self.expanded(value, contexts) for key, value in step.get("env", {}).items()}
                # The runner writes the script to a file and runs it so where the step names no shell.
                script = self.project.file("step.sh", step["run"])
                code = self.project.run(["bash", "-e", str(script)], {**common, **own})
                ran.code = ran.code or code
                if "event create" in step["run"]:
                    ran.recorded = code
            outcome = "skipped" if code is None else "success" if code == 0 else "failure"
            contexts["steps"][step.get("id", "")] = {"outcome": outcome}
        return self.project.finish(ran)

    def scan(self, db: str, password: str, run: dict[str, str]) -> Ran:
        return self.job("scan", self.contexts(db, password, run))

    def deploy(self, db: str, password: str, run: dict[str, str]) -> Ran:
        assert self.workflow["jobs"]["deploy"]["needs"] == "scan", "the deployment does not wait for the scan"
        return self.job("deploy", self.contexts(db, password, run))

    @staticmethod
    def unit(run: dict[str, str]) -> tuple[str, str, str]:
        return run["project"], run["tag"] or run["commit"], run["number"]

    @staticmethod
    def payload(run: dict[str, str], success: bool) -> dict[str, str]:
        return {
            "run": f"https://github.example/{run['project']}/actions/runs/9{run['number']}",
            "commit": run["commit"],
            "ref": run["tag"] or run["branch"],
            "outcome": "success" if success else "failure",
        }
