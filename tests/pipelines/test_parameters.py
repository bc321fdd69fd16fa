"""The parameters of a run: the file's, and what the command line says in their place."""

from pipelines import parameters


def test_any_parameter_can_be_set() -> None:
    arguments = ["--source", "u.csv", "--format", "csv", "--set", "ingest.columns.user_id=who"]
    options = parameters.parser("pipelines run", "Run it.").parse_args(arguments)
    options.set += ["gate.minimum={HR@20: 0.5}", "finetune.learning_rate=2e-4"]
    params = parameters.plain(parameters.read(options))
    assert params["ingest"]["source"] == "u.csv"
    assert params["ingest"]["columns"] == {"user_id": "who"}
    assert params["gate"]["minimum"] == {"HR@20": 0.5}
    assert params["finetune"]["learning_rate"] == 2e-4
