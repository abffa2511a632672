# Hidden states of the trained recommenders, and the states that are shown in their place.


rule encode_states:
    input:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        examples="results/{dataset}/examples.parquet",
    output:
        states="results/{dataset}/states/{recommender}/seed{seed}.parquet",
    log:
        "results/logs/{dataset}/encode_states/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    cache: CACHED
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        batch_size=SETTINGS.states.batch_size,
    params:
        settings=SETTINGS.encoding().as_json(),
        shard=ALL,
        code=code_digest("encode_states"),
    shell:
        "python -m recinterpreter.stages.encode_states"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --examples {input.examples}"
        " --states {output.states}"
        " --shard {params.shard}"
        " --code {params.code}"
        " --log {log}"


rule select_states:
    input:
        examples="results/{dataset}/examples.parquet",
        states="results/{dataset}/states/{recommender}/seed{seed}.parquet",
    output:
        selected=expand(
            "results/{{dataset}}/states/{{recommender}}/seed{{seed}}.{source}.parquet",
            source=SETTINGS.sources,
        ),
    log:
        "results/logs/{dataset}/select_states/{recommender}.seed{seed}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.selection().as_json(),
        code=code_digest("select_states"),
    shell:
        "python -m recinterpreter.stages.select_states"
        " --settings {params.settings:q}"
        " --examples {input.examples}"
        " --states {input.states}"
        " --selected {output.selected}"
        " --code {params.code}"
        " --log {log}"
