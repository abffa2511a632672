# One adapter for each recommender, seed, task and kind, trained through the frozen LLM.


rule train_adapter:
    input:
        examples="results/{dataset}/examples.parquet",
        items_table="results/{dataset}/items.parquet",
        states="results/{dataset}/states/{recommender}/seed{seed}.parquet",
        recommended=recommended_inputs,
        llm=language_model_inputs,
    output:
        config="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/config.json",
        weights="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/adapter.safetensors",
        steps="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/steps.parquet",
    log:
        "results/logs/{dataset}/train_adapter/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
    cache: CACHED
    conda:
        "../envs/torch.yaml"
    threads: SETTINGS.adapter.processes
    resources:
        gpu=SETTINGS.adapter.processes,
        launcher=LAUNCHER,
        llm=language_model_name,
        running=RUNNING,
    params:
        settings=lambda w: SETTINGS.adapter_training(
            w.dataset, w.task, w.adapter, w.seed, w.recommender
        ).as_json(),
        llm=LANGUAGE_MODEL,
        code=code_digest("train_adapter"),
    shell:
        "{resources.launcher} recinterpreter.stages.train_adapter"
        " --settings {params.settings:q}"
        " --examples {input.examples}"
        " --items {input.items_table}"
        " --states {input.states}"
        " --recommended {input.recommended}"
        " --llm {resources.llm:q}"
        " --running {resources.running:q}"
        " --config {output.config}"
        " --weights {output.weights}"
        " --steps {output.steps}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"
