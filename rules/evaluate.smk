# Answers are judged, then judged answers and rankings become numbers with intervals.


rule give_verdicts:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        answers=lambda w: every(rules.answer.output.answers, dataset=w.dataset),
    output:
        verdicts="results/{dataset}/{llm}/verdicts.parquet",
    log:
        "results/logs/{dataset}/give_verdicts/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("give_verdicts"),
    shell:
        "python -m recinterpreter.stages.give_verdicts"
        " --items {input.items_table}"
        " --examples {input.examples}"
        " --answers {input.answers}"
        " --verdicts {output.verdicts}"
        " --code {params.code}"
        " --log {log}"


rule compute_scores:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        verdicts="results/{dataset}/{llm}/verdicts.parquet",
        rankings=lambda w: every(RANKINGS, dataset=w.dataset),
        readings=lambda w: readings(rules.rank_titles.output.ranking, dataset=w.dataset),
        oracles=lambda w: oracles(rules.generate_oracle_items.output.oracle, dataset=w.dataset),
    output:
        scores="results/{dataset}/{llm}/scores.parquet",
    log:
        "results/logs/{dataset}/compute_scores/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.scores.as_json(),
        code=code_digest("compute_scores"),
    shell:
        "python -m recinterpreter.stages.compute_scores"
        " --settings {params.settings:q}"
        " --items {input.items_table}"
        " --examples {input.examples}"
        " --verdicts {input.verdicts}"
        " --rankings {input.rankings}"
        " --readings {input.readings}"
        " --oracles {input.oracles}"
        " --scores {output.scores}"
        " --code {params.code}"
        " --log {log}"
