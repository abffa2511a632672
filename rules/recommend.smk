# Recommenders are trained and ranked; baselines are counted and ranked beside them.


rule train_recommender:
    input:
        examples="results/{dataset}/examples.parquet",
        item_table=item_table_inputs,
        # ancient: a search that is made anew makes a training stale by its choice alone
        recipe=ancient(recipe_inputs),
    output:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        steps="results/{dataset}/recommenders/{recommender}/seed{seed}/steps.parquet",
    log:
        "results/logs/{dataset}/train_recommender/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    cache: CACHED
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
    params:
        settings=training_settings,
        code=code_digest("train_recommender"),
    shell:
        "python -m recinterpreter.stages.train_recommender"
        " --settings {params.settings:q}"
        " --examples {input.examples}"
        " --item-table {input.item_table}"
        " --config {output.config}"
        " --weights {output.weights}"
        " --steps {output.steps}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"


rule rank_recommender:
    input:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        ranking="results/{dataset}/recommenders/{recommender}/seed{seed}/ranking.parquet",
    log:
        "results/logs/{dataset}/rank_recommender/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
    params:
        code=code_digest("rank_recommender"),
    shell:
        "python -m recinterpreter.stages.rank_recommender"
        " --config {input.config}"
        " --weights {input.weights}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --ranking {output.ranking}"
        " --code {params.code}"
        " --log {log}"


rule rank_baseline:
    input:
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        ranking="results/{dataset}/recommenders/{baseline}/ranking.parquet",
    log:
        "results/logs/{dataset}/rank_baseline/{baseline}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    params:
        settings=lambda w: Baseline(baseline=w.baseline).as_json(),
        code=code_digest("rank_baseline"),
    shell:
        "python -m recinterpreter.stages.rank_baseline"
        " --settings {params.settings:q}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --ranking {output.ranking}"
        " --code {params.code}"
        " --log {log}"


rule recommend_items:
    input:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        items_table="results/{dataset}/recommenders/{recommender}/seed{seed}/recommended.parquet",
    log:
        "results/logs/{dataset}/recommend_items/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
    params:
        code=code_digest("recommend_items"),
    shell:
        "python -m recinterpreter.stages.recommend_items"
        " --config {input.config}"
        " --weights {input.weights}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --items {output.items_table}"
        " --code {params.code}"
        " --log {log}"
