"""One graph, told twice: the compiled pipeline and `dvc.yaml` have the same steps, edges and parameters."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from adrec import config
from adrec.config import params
from components.runtime import steps
from pipelines import environment, training
from pipelines.compile import compile_to

ROOT = Path(__file__).parents[1]
BESIDE = {"drift"}  # sections of steps that stand beside the training graph
GPU_STAGES = {"pretrain", "warmup", "finetune"}

Edges = set[tuple[str, str, str]]  # producer, consumer, artifact


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "training.yaml"
    compile_to(path)
    return path


@pytest.fixture(scope="module")
def spec(package: Path) -> Any:
    return components.load_component_from_file(str(package)).pipeline_spec


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def tasks(spec: Any) -> dict[str, Any]:
    """The steps of a specification, those of its branches too."""
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    return {name: task for dag in dags for name, task in dag.tasks.items() if name in steps.STEPS}


def compiled_edges(spec: Any) -> Edges:
    branch = spec.root.dag.tasks["condition-1"].inputs.artifacts
    edges = set()
    for consumer, task in tasks(spec).items():
        for artifact, source in task.inputs.artifacts.items():
            if source.component_input_artifact:  # inside the branch: look up what went into it
                source = branch[source.component_input_artifact]
            edges.add((source.task_output_artifact.producer_task, consumer, artifact))
    return edges


def paths(stage: dict[str, Any]) -> dict[str, str]:
    """Artifact name and path, of the stage's command."""
    words = shlex.split(stage["cmd"])[4:]
    return {name.removeprefix("--"): path for name, path in zip(words[::2], words[1::2], strict=True)}


def outputs(stage: dict[str, Any]) -> set[str]:
    outs = [*stage["outs"], *stage.get("metrics", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


def dvc_edges(stages: dict[str, Any]) -> Edges:
    producers = {path: name for name, stage in stages.items() for path in outputs(stage)}
    return {
        (producers[path], consumer, artifact)
        for consumer, stage in stages.items()
        for artifact, path in paths(stage).items()
        if path not in outputs(stage)
    }


def test_both_graphs_have_every_step(spec: Any, stages: dict[str, Any]) -> None:
    assert set(tasks(spec)) == set(stages) == set(steps.STEPS)


def test_both_graphs_have_the_same_edges(spec: Any, stages: dict[str, Any]) -> None:
    assert compiled_edges(spec) == dvc_edges(stages)


def test_dvc_knows_every_input_and_output(stages: dict[str, Any]) -> None:
    for name, stage in stages.items():
        inputs = set(paths(stage).values()) - outputs(stage)
        assert set(paths(stage)) == set(steps.artifacts(name))
        assert inputs <= set(stage["deps"])
        assert outputs(stage) <= set(paths(stage).values())
        assert {f"components/{name}.py", f"components/{name}"} & set(stage["deps"])


def test_dvc_knows_all_code_that_a_step_imports(stages: dict[str, Any]) -> None:
    imports = grimp.build_graph("adrec", "components", "features", "serving")
    for name, stage in stages.items():
        known = {path.removesuffix(".py").replace("/", ".") for path in stage["deps"]}
        for module in imports.find_upstream_modules(steps.module(name)):
            assert any(module == path or module.startswith(f"{path}.") for path in known), (name, module)


def test_the_parameters_agree_everywhere(spec: Any, stages: dict[str, Any]) -> None:
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    defaults = {name: value.default_value for name, value in spec.root.input_definitions.parameters.items()}
    defaults = {name: json_format.MessageToDict(value) for name, value in defaults.items()}
    assert set(document) == set(config.SECTIONS)
    handed = {name: values for name, values in document.items() if name not in BESIDE}
    assert {name: defaults[name] for name in handed} == handed
    assert set(defaults) == {*handed, "code_revision"}
    parsed = {name: config.parse(config.SECTIONS[name], defaults[name]) for name in handed}
    assert parsed.items() <= params.load(ROOT / "params.yaml").items()
    for name, stage in stages.items():
        assert set(stage["params"]) == set(steps.sections(name))


def test_kubeflow_hands_each_step_its_own_sections(spec: Any) -> None:
    for name, task in tasks(spec).items():
        handed = {
            key: value.component_input_parameter.removeprefix("pipelinechannel--")
            for key, value in task.inputs.parameters.items()
        }
        for section in steps.sections(name):
            assert handed[section] == section


def test_the_parameters_are_checked_together_before_any_step(spec: Any) -> None:
    """The check stands beside the data's graph: DVC's steps check what they are given when they start."""
    check = spec.root.dag.tasks["check"]
    assert set(spec.root.dag.tasks) - set(steps.STEPS) == {"check", "condition-1"}
    assert not check.dependent_tasks
    handed = {key: value.component_input_parameter for key, value in check.inputs.parameters.items()}
    assert handed == {name: name for name in [*steps.sections("check"), "code_revision"]}
    assert not check.caching_options.enable_cache
    first = {name for name, task in spec.root.dag.tasks.items() if set(task.dependent_tasks) <= {"check"}}
    assert first == {"check", "ingest"}


def test_the_content_of_files_is_among_the_cache_keys_of_who_reads_them(spec: Any) -> None:
    readers = {"ingest": "source_key", "validate": "source_key", "version": "source_key", "evaluate": "reference_key"}
    for step, key in readers.items():
        source = tasks(spec)[step].inputs.parameters[key].task_output_parameter
        assert (source.producer_task, source.output_parameter_key) == ("check", key)


def test_every_reference_in_the_package_resolves(spec: Any) -> None:
    deployment = json_format.ParseDict(
        json_format.MessageToDict(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    dags = [spec.root, *(component for component in spec.components.values() if component.dag.tasks)]
    for dag in dags:
        for task in dag.dag.tasks.values():
            component = spec.components[task.component_ref.name]
            assert component.dag.tasks or component.executor_label in deployment.executors
            assert set(task.dependent_tasks) <= set(dag.dag.tasks)
            for source in task.inputs.artifacts.values():
                producer = source.task_output_artifact.producer_task
                assert not producer or producer in dag.dag.tasks
            for source in task.inputs.parameters.values():
                known = dag.input_definitions.parameters
                assert not source.component_input_parameter or source.component_input_parameter in known


def test_validate_ends_well_with_a_page_and_version_ends_the_run(spec: Any) -> None:
    """Kubeflow keeps what a step wrote only where it ends well."""
    executor = json_format.MessageToDict(spec.deployment_spec)["executors"]["exec-validate"]
    assert {"name": "ADREC_REFUSE_LATER", "value": "1"} in executor["container"]["env"]
    outputs = spec.components["comp-validate"].output_definitions.artifacts
    assert outputs["page"].artifact_type.schema_title == "system.HTML"
    assert "validation" in tasks(spec)["version"].inputs.artifacts


def test_each_training_stage_asks_for_a_gpu_and_no_other_step(spec: Any) -> None:
    executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
    accelerators = {
        name.removeprefix("exec-"): executor["container"].get("resources", {}).get("accelerator")
        for name, executor in executors.items()
    }
    assert {name for name, accelerator in accelerators.items() if accelerator} == GPU_STAGES
    for stage in GPU_STAGES:
        assert accelerators[stage]["resourceType"] == "nvidia.com/gpu"
        assert accelerators[stage]["resourceCount"] == "1"
        told = {variable["name"]: variable["value"] for variable in executors[f"exec-{stage}"]["container"]["env"]}
        assert told == {"ADREC_PROCESSES": "1", "ADREC_REQUIRE_CUDA": "1"}


def compiled(folder: Path, **environment: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the package says of the containers and of their pods, compiled in this environment."""
    package = folder / "training.yaml"
    command = [sys.executable, "-m", "pipelines", "compile", "--to", str(package)]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
    spec, platform = yaml.safe_load_all(package.read_text())
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return spec["deploymentSpec"]["executors"], pods


def test_the_progress_of_training_is_on_a_volume_where_there_is_one(tmp_path: Path) -> None:
    _, pods = compiled(tmp_path, ADREC_PROGRESS_CLAIM="adrec-progress")
    assert set(pods) == {f"exec-{stage}" for stage in GPU_STAGES}
    for pod in pods.values():
        (mount,) = pod["pvcMount"]
        assert mount["constant"] == "adrec-progress"
        assert f"ENV ADREC_PROGRESS_DIR={mount['mountPath']}\n" in (ROOT / "Dockerfile").read_text()


def test_a_training_stage_is_let_onto_machines_with_its_accelerator_and_may_be_several_processes(
    tmp_path: Path,
) -> None:
    _, pods = compiled(tmp_path, ADREC_ACCELERATOR="amd.com/gpu", ADREC_ACCELERATOR_COUNT="2")
    assert set(pods) == {f"exec-{stage}" for stage in GPU_STAGES}
    for pod in pods.values():
        assert pod["tolerations"] == [{"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
        (volume,) = pod["emptyDirMounts"]
        assert (volume["mountPath"], volume["medium"]) == ("/dev/shm", "Memory")  # noqa: S108


def test_credentials_come_from_a_secret_and_stand_in_no_package(tmp_path: Path) -> None:
    containers, pods = compiled(tmp_path, ADREC_SECRET="adrec-credentials")  # noqa: S106 (its name)
    for step in (*set(steps.STEPS) - GPU_STAGES, "check"):
        (secret,) = pods[f"exec-{step}"]["secretAsEnv"]
        assert secret["secretName"] == "adrec-credentials"
        assert secret["optional"]
        assert {key["envVar"]: key["secretKey"] for key in secret["keyToEnv"]} == {
            key: key for key in environment.SECRET_KEYS
        }
        told = {variable["name"]: variable["value"] for variable in containers[f"exec-{step}"]["container"]["env"]}
        assert told.items() >= environment.GIT_BY_PASSWORD.items()
    for stage in GPU_STAGES:
        assert "secretAsEnv" not in pods[f"exec-{stage}"]


def test_every_step_but_publish_is_cached_tried_again_and_runs_from_our_image(spec: Any) -> None:
    executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
    assert {executor["container"]["image"] for executor in executors.values()} == {
        f"adrec-pipeline:{training.REVISION}"
    }
    for name, task in tasks(spec).items():
        assert task.caching_options.enable_cache == (name != "publish")
        assert task.retry_policy.max_retry_count == 2
