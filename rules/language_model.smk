# The frozen LLM: made from the catalogue alone, or brought along, then checked for spelling.


rule teach_language_model:
    input:
        # the catalogue and nothing else: no user's history can leak into what reads the states
        items_table="results/{dataset}/items.parquet",
    output:
        model_config="results/{dataset}/embedded/model/config.json",
        weights="results/{dataset}/embedded/model/model.safetensors",
        tokenizer="results/{dataset}/embedded/model/tokenizer.json",
        tokenizer_config="results/{dataset}/embedded/model/tokenizer_config.json",
        steps="results/{dataset}/embedded/steps.parquet",
    log:
        "results/logs/{dataset}/teach_language_model/{dataset}.log",
    cache: CACHED
    # every adapter waits for it, and it is the longest single job
    priority: 1
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
    params:
        settings=lambda w: SETTINGS.teaching(w.dataset).as_json(),
        code=code_digest("teach_language_model"),
    shell:
        "python -m recinterpreter.stages.teach_language_model"
        " --settings {params.settings:q}"
        " --items {input.items_table}"
        " --model-config {output.model_config}"
        " --weights {output.weights}"
        " --tokenizer {output.tokenizer}"
        " --tokenizer-config {output.tokenizer_config}"
        " --steps {output.steps}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"


rule check_language_model:
    input:
        items_table="results/{dataset}/items.parquet",
        llm=language_model_inputs,
    output:
        titles="results/{dataset}/{llm}/titles.parquet",
        facts="results/{dataset}/{llm}/llm.json",
    log:
        "results/logs/{dataset}/check_language_model/{llm}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        llm=language_model_name,
        running=RUNNING,
    params:
        settings=SETTINGS.loading().as_json(),
        llm=LANGUAGE_MODEL,
        code=code_digest("check_language_model"),
    shell:
        "python -m recinterpreter.stages.check_language_model"
        " --settings {params.settings:q}"
        " --items {input.items_table}"
        " --llm {resources.llm:q}"
        " --running {resources.running:q}"
        " --titles {output.titles}"
        " --facts {output.facts}"
        " --code {params.code}"
        " --log {log}"
