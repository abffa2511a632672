# Judges say which title a person would prefer. Cases and the sheet for human raters are made
# without asking anyone. Replies are kept in results/.work, outside of all outputs: Snakemake deletes
# those of a job before it starts, and a reply may have been paid for.


rule make_judge_cases:
    input:
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
        recommended=lambda w: every(
            "results/{dataset}/recommenders/sasrec/seed{seed}/recommended.parquet",
            dataset=w.dataset,
        ),
        oracle_verdicts="results/{dataset}/{llm}/oracle_verdicts.parquet",
    output:
        cases="results/{dataset}/{llm}/judge/cases.parquet",
        sheet="results/{dataset}/{llm}/judge/sheet.csv",
        key="results/{dataset}/{llm}/judge/key.csv",
    log:
        "results/logs/{dataset}/make_judge_cases/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.judge_cases().as_json(),
        code=code_digest("make_judge_cases"),
    shell:
        "python -m recinterpreter.stages.make_judge_cases"
        " --settings {params.settings:q}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --recommended {input.recommended}"
        " --oracle-verdicts {input.oracle_verdicts}"
        " --cases {output.cases}"
        " --sheet {output.sheet}"
        " --key {output.key}"
        " --code {params.code}"
        " --log {log}"


rule ask_judges:
    input:
        cases="results/{dataset}/{llm}/judge/cases.parquet",
        planted=planted_tables,
    output:
        judgements="results/{dataset}/{llm}/judge/judgements.parquet",
    log:
        "results/logs/{dataset}/ask_judges/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        # a resource and no param, for no reply depends on it
        pace=SETTINGS.judging_pace().as_json(),
    params:
        settings=lambda w: SETTINGS.judging(w.dataset).as_json(),
        shard=ALL,
        code=code_digest("ask_judges"),
    shell:
        "python -m recinterpreter.stages.ask_judges"
        " --settings {params.settings:q}"
        " --pace {resources.pace:q}"
        " --cases {input.cases}"
        " --planted {input.planted}"
        " --replies results/.work/judge-{wildcards.dataset}.jsonl"
        " --judgements {output.judgements}"
        " --shard {params.shard}"
        " --code {params.code}"
        " --log {log}"
