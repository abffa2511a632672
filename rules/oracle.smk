# What DreamRec dreams up for the examples that are answered, and the states of history and dream.


rule generate_oracle_items:
    input:
        config="results/{dataset}/recommenders/dreamrec/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/dreamrec/seed{seed}/model.safetensors",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        states="results/{dataset}/states/dreamrec/seed{seed}.oracle.parquet",
        oracle="results/{dataset}/recommenders/dreamrec/seed{seed}/oracle.parquet",
    log:
        "results/logs/{dataset}/generate_oracle_items/dreamrec.seed{seed}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        batch_size=SETTINGS.states.batch_size,
    params:
        settings=SETTINGS.oracle().as_json(),
        shard=ALL,
        code=code_digest("generate_oracle_items"),
    shell:
        "python -m recinterpreter.stages.generate_oracle_items"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --states {output.states}"
        " --oracle {output.oracle}"
        " --shard {params.shard}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"


rule name_oracle_items:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        oracles=lambda w: oracles(rules.import_oracle_items.output.oracle, dataset=w.dataset),
        answers=lambda w: oracles(
            "results/{dataset}/{llm}/answers/{recommender}/{task}/{adapter}/seed{seed}.oracle.parquet",
            dataset=w.dataset,
        ),
    output:
        verdicts="results/{dataset}/{llm}/oracle_verdicts.parquet",
    log:
        "results/logs/{dataset}/name_oracle_items/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("name_oracle_items"),
    shell:
        "python -m recinterpreter.stages.name_oracle_items"
        " --items {input.items_table}"
        " --examples {input.examples}"
        " --oracles {input.oracles}"
        " --answers {input.answers}"
        " --verdicts {output.verdicts}"
        " --code {params.code}"
        " --log {log}"
