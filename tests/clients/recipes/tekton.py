"""Tekton: the tasks of a pipeline with params, and the variables of their containers as Kubernetes
gives them."""

from __future__ import annotations

import re
from typing import Any

import yaml
from shell import Project, Ran

REFERENCE = re.compile(r"\$\(([\w.-]+)\)")


def substituted(text: str, values: dict[str, str]) -> str:
    """As Tekton replaces references; what is none is left as it is."""
    return REFERENCE.sub(lambda found: values.get(found.group(1), found.group()), text)


def expanded(text: str, known: dict[str, str]) -> str:
    """As the kubelet expands `$(NAME)` of variables that stand above, and takes `$$` for `$`."""
    one = lambda found: "$" if found.group() == "$$" else known.get(found.group(1), found.group())  # noqa: E731
    return re.sub(r"\$\$|\$\(([\w.-]+)\)", one, text)


class Pipelines:
    def __init__(self, recipe: str, project: Project) -> None:
        self.pipelines = {document["metadata"]["name"]: document["spec"] for document in yaml.safe_load_all(recipe)}
        self.project = project

    def params(self, pipeline: str, given: dict[str, str]) -> dict[str, str]:
        values = {}
        for param in self.pipelines[pipeline]["params"]:
            name = param["name"]
            assert name in given or "default" in param, f"{pipeline} needs {name}"
            values[f"params.{name}"] = given.get(name, param.get("default", ""))
        return values

    def task(self, task: dict[str, Any], values: dict[str, str], db: str, password: str) -> int:
        own = {f"params.{p['name']}": substituted(p["value"], values) for p in task.get("params", [])}
        spec, known = task["taskSpec"], {**values, **own}
        secrets = {v["name"]: v["secret"]["secretName"] for v in spec.get("volumes", [])}
        for step in spec["steps"]:
            assert substituted(step["script"], known) == step["script"], f"a param in a script: {step['script']}"
            assert substituted(step["image"], known) != "", "no image"
            mounts = {}
            for mount in step.get("volumeMounts", []):
                assert secrets[mount["name"]] == "epr-db", mount
                folder = self.project.file("password", password).parent
                mounts[mount["mountPath"]] = str(folder)
            variables: dict[str, str] = {}
            for variable in step.get("env", []):
                if "value" in variable:
                    value = expanded(substituted(variable["value"], known), variables)
                    for path, folder in mounts.items():
                        value = value.replace(path, folder)
                else:
                    assert variable["valueFrom"] == {"configMapKeyRef": {"name": "epr", "key": "db"}}, variable
                    value = db
                variables[variable["name"]] = value
            script = self.project.file("script", step["script"])
            if code := self.project.run([str(script)], variables):
                return code
        return 0

    def given(self, run: dict[str, str]) -> dict[str, str]:
        name, version, release = self.unit(run)
        ref = run["tag"] or run["branch"]
        return {
            "unit-name": name,
            "unit-version": version,
            "unit-release": release,
            "commit": run["commit"],
            "ref": ref,
            "scan-image": "registry.example/scanner:1",
            "deploy-image": "registry.example/deployer:1",
            "epr-image": "registry.example/epr-mcp:1",
            "gate-wait": "100ms",
        }

    def scan(self, db: str, password: str, run: dict[str, str]) -> Ran:
        spec = self.pipelines["scan"]
        given = self.given(run)
        del given["unit-name"]
        values = self.params("scan", given)
        (task,) = spec["tasks"]
        ran = Ran(self.task(task, values, db, password))
        run_name = f"scan-{run['number']}"
        # A pipeline that is run again is another run.
        values |= {
            "context.pipelineRun.namespace": "ci",
            "context.pipelineRun.name": run_name,
            "context.pipelineRun.uid": f"uid-{run['number']}-{run['attempt']}",
            f"tasks.{task['name']}.status": "Succeeded" if ran.code == 0 else "Failed",
        }
        (last,) = spec["finally"]
        ran.recorded = self.task(last, values, db, password)
        ran.code = ran.code or ran.recorded
        return self.project.finish(ran)

    def deploy(self, db: str, password: str, run: dict[str, str]) -> Ran:
        gate, deploy = self.pipelines["deploy"]["tasks"]
        assert deploy["runAfter"] == [gate["name"]], "the deployment does not wait for the gate"
        given = self.given(run)
        del given["unit-name"]
        values = self.params("deploy", given)
        ran = Ran(self.task(gate, values, db, password))
        if ran.code == 0:
            ran.code = self.task(deploy, values, db, password)
        return self.project.finish(ran)

    @staticmethod
    def unit(run: dict[str, str]) -> tuple[str, str, str]:
        return run["name"], run["tag"] or run["commit"], run["number"]

    @staticmethod
    def payload(run: dict[str, str], success: bool) -> dict[str, str]:
        # The kubelet takes $$ for $.
        ref = (run["tag"] or run["branch"]).replace("$$", "$")
        outcome = "Succeeded" if success else "Failed"
        return {"run": f"ci/scan-{run['number']}", "commit": run["commit"], "ref": ref, "outcome": outcome}
