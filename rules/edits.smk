# Histories with one item changed, their states, and what the answers to them name.


rule edit_histories:
    input:
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        edits="results/{dataset}/edits.parquet",
    log:
        "results/logs/{dataset}/edit_histories/{dataset}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.edits.as_json(),
        code=code_digest("edit_histories"),
    shell:
        "python -m recinterpreter.stages.edit_histories"
        " --settings {params.settings:q}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --edits {output.edits}"
        " --code {params.code}"
        " --log {log}"


rule encode_edits:
    input:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        examples="results/{dataset}/examples.parquet",
        edits="results/{dataset}/edits.parquet",
    output:
        states=expand(
            "results/{{dataset}}/states/{{recommender}}/seed{{seed}}.{source}.parquet",
            source=SETTINGS.edited_sources,
        ),
    log:
        "results/logs/{dataset}/encode_edits/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        batch_size=SETTINGS.states.batch_size,
    params:
        settings=SETTINGS.edited_states().as_json(),
        code=code_digest("encode_edits"),
    shell:
        "python -m recinterpreter.stages.encode_edits"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --examples {input.examples}"
        " --edits {input.edits}"
        " --states {output.states}"
        " --code {params.code}"
        " --log {log}"
