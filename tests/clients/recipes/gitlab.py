"""GitLab CI/CD: the jobs of a pipeline with `variables`, `script` and `after_script`."""

from __future__ import annotations

import re

import yaml
from shell import Project, Ran

# The environment scope of the password, as the recipe's head asks for.
SCOPE = "epr-registry"
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Pipeline:
    def __init__(self, recipe: str, project: Project) -> None:
        self.pipeline = yaml.safe_load(recipe)
        assert f"its environment scope {SCOPE}\n" in recipe, "the recipe does not tell the scope of the password"
        self.project = project
        self.pipeline["variables"]["GATE_WAIT"] = "100ms"
        # What a job is given, each of its lines is given.
        project.scan_is_apart = False

    def variables(self, db: str, password: str, run: dict[str, str]) -> dict[str, str]:
        tag = run["tag"]
        predefined = {
            # A variable of type File: the runner writes the value to a file and gives its path.
            "EPR_DB_PASSWORD_FILE": str(self.project.file("password", password)),
            "EPR_DB": db,
            "CI_PROJECT_PATH": run["project"],
            "CI_SERVER_HOST": "gitlab.example",
            "CI_COMMIT_SHA": run["commit"],
            "CI_COMMIT_REF_NAME": tag or run["branch"],
            "CI_PIPELINE_IID": run["number"],
            "CI_JOB_ID": f"7{run['number']}{run['attempt']}",
            "CI_JOB_URL": f"https://gitlab.example/{run['project']}/-/jobs/7{run['number']}{run['attempt']}",
            **({"CI_COMMIT_TAG": tag} if tag else {}),
        }
        own = {
            name: VARIABLE.sub(lambda found: predefined.get(found.group(1) or found.group(2), ""), value)
            for name, value in self.pipeline["variables"].items()
        }
        return {**predefined, **own}

    def lines(self, lines: list[str], variables: dict[str, str]) -> int:
        # The runner joins the lines and ends at the first that fails.
        script = self.project.file("script.sh", "set -eo pipefail\n" + "\n".join(lines))
        return self.project.run(["bash", str(script)], variables)

    def job(self, name: str, variables: dict[str, str]) -> Ran:
        job = self.pipeline[name]
        environment = job.get("environment")
        if not isinstance(environment, dict) or environment["name"] != SCOPE:
            # A variable is given to the jobs of its environment scope alone.
            variables = {name: value for name, value in variables.items() if name != "EPR_DB_PASSWORD_FILE"}
        else:
            assert environment["action"] == "access", "what is no deployment counts as one"
        ran = Ran(code=self.lines(job["script"], variables))
        if "after_script" in job:
            # A shell of its own, whose end does not count for the job.
            status = "success" if ran.code == 0 else "failed"
            ran.recorded = self.lines(job["after_script"], {**variables, "CI_JOB_STATUS": status})
        return ran

    def scan(self, db: str, password: str, run: dict[str, str]) -> Ran:
        return self.project.finish(self.job("scan", self.variables(db, password, run)))

    def deploy(self, db: str, password: str, run: dict[str, str]) -> Ran:
        assert self.pipeline["deploy"]["needs"] == ["gate"], "the deployment does not wait for the gate"
        variables = self.variables(db, password, run)
        ran = self.job("gate", variables)
        if ran.code == 0:
            ran = self.job("deploy", variables)
        return self.project.finish(ran)

    @staticmethod
    def unit(run: dict[str, str]) -> tuple[str, str, str]:
        return run["project"], run["tag"] or run["commit"], run["number"]

    @staticmethod
    def payload(run: dict[str, str], success: bool) -> dict[str, str]:
        return {
            "run": f"https://gitlab.example/{run['project']}/-/jobs/7{run['number']}{run['attempt']}",
            "commit": run["commit"],
            "ref": run["tag"] or run["branch"],
            "outcome": "success" if success else "failed",
        }
