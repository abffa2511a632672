# Decoders without an LLM are asked what the LLM is asked: how much is in the states.


rule probe_states:
    input:
        weights=item_table_to_probe,
        states="results/{dataset}/states/{recommender}/seed{seed}.parquet",
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        probes="results/{dataset}/recommenders/{recommender}/seed{seed}/probes.parquet",
    log:
        "results/logs/{dataset}/probe_states/{recommender}.seed{seed}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.probing().as_json(),
        code=code_digest("probe_states"),
    shell:
        "python -m recinterpreter.stages.probe_states"
        " --settings {params.settings:q}"
        " --weights {input.weights}"
        " --states {input.states}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --probes {output.probes}"
        " --code {params.code}"
        " --log {log}"
