"""What a step gets on a cluster: image, machine, volumes and credentials. On this machine none of it holds."""

from typing import Any

from kfp import kubernetes
from kfp.dsl import PipelineTask

from pipelines import environment

PROGRESS = "/tmp/progress"  # noqa: S108 (in the container: ADREC_PROGRESS_DIR of the image)
FEATURES = "/features"
SHARED_MEMORY = "4Gi"  # of a stage in several processes, which exchange gradients through /dev/shm; a pod has 64 MiB


def on_cpu(task: PipelineTask, cpu: str = "2", memory: str = "8G") -> PipelineTask:
    """An ordinary machine, with the credentials for what a step reads and writes outside the run."""
    if secret := environment.secret():
        keys = {key: key for key in environment.SECRET_KEYS}
        kubernetes.use_secret_as_env(task, secret, keys, optional=True)
        for name, value in environment.GIT_BY_PASSWORD.items():
            task.set_env_variable(name, value)
    return _on_a_machine(task, cpu, memory)


def at_once(task: PipelineTask) -> PipelineTask:
    """A small machine for what must be done in every run, and whose failure is no machine's."""
    return on_cpu(task, cpu="1", memory="4G").set_caching_options(False).set_retry(num_retries=0)


def validated(task: PipelineTask) -> Any:
    """The outcome of `validate`, which ends well so that its page is kept; `version` ends the run where it must."""
    return on_cpu(task).set_env_variable("ADREC_REFUSE_LATER", "1").outputs["validation"]


def on_gpu(task: PipelineTask) -> PipelineTask:
    """A machine with accelerators that are used; what the step keeps between epochs stays for another try."""
    kind, count = environment.accelerator()
    if claim := environment.progress_claim():
        kubernetes.mount_pvc(task, claim, PROGRESS)
    if count > 1:
        kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", "Memory", SHARED_MEMORY)  # noqa: S108
    kubernetes.add_toleration(task, key=kind, operator="Exists", effect="NoSchedule")
    task.set_env_variable("ADREC_PROCESSES", str(count)).set_env_variable("ADREC_REQUIRE_CUDA", "1")
    return _on_a_machine(task, "4", "16G").set_accelerator_type(kind).set_accelerator_limit(count)


def with_feature_store(task: PipelineTask) -> PipelineTask:
    """An ordinary machine where the feature store is."""
    if claim := environment.features_claim():
        kubernetes.mount_pvc(task, claim, FEATURES)
        task.set_env_variable("ADREC_FEATURES_DIR", FEATURES)
    if server := environment.redis():
        task.set_env_variable("ADREC_REDIS", server)
    return on_cpu(task)


def _on_a_machine(task: PipelineTask, cpu: str, memory: str) -> PipelineTask:
    """Image, title and machine, and another try when the machine is lost."""
    task.set_container_image(environment.image()).set_display_name(task.name.capitalize())
    task.set_cpu_request(cpu).set_memory_request(memory).set_memory_limit(memory)
    task.set_caching_options(True)
    return task.set_retry(num_retries=2, backoff_duration="30s", backoff_factor=2.0)
