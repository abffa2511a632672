# Answers are judged, those to edits by themselves, then judged answers and rankings become numbers with intervals.


rule give_verdicts:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        answers=lambda w: answered(rules.answer.output.answers, dataset=w.dataset),
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


rule check_edits:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        edits="results/{dataset}/edits.parquet",
        answers=lambda w: answered(
            "results/{dataset}/{llm}/answers/{recommender}/{task}/{adapter}/seed{seed}.{source}.parquet",
            dataset=w.dataset,
            recommender=SETTINGS.made_here,
            source=["recorded", *SETTINGS.edited_sources],
        ),
    output:
        checked="results/{dataset}/{llm}/edits.parquet",
    log:
        "results/logs/{dataset}/check_edits/{llm}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("check_edits"),
    shell:
        "python -m recinterpreter.stages.check_edits"
        " --items {input.items_table}"
        " --examples {input.examples}"
        " --edits {input.edits}"
        " --answers {input.answers}"
        " --checked {output.checked}"
        " --code {params.code}"
        " --log {log}"


rule measure_consistency:
    input:
        config="results/{dataset}/recommenders/{recommender}/seed{seed}/config.json",
        weights="results/{dataset}/recommenders/{recommender}/seed{seed}/model.safetensors",
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
        answers=expand(
            "results/{{dataset}}/{{llm}}/answers/{{recommender}}/recovery/{adapter}/seed{{seed}}.recorded.parquet",
            adapter=SETTINGS.adapter.kinds,
        ),
    output:
        consistency="results/{dataset}/{llm}/consistency/{recommender}/seed{seed}.parquet",
    log:
        "results/logs/{dataset}/measure_consistency/{llm}.{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        batch_size=SETTINGS.states.batch_size,
    params:
        settings=SETTINGS.measured_consistency().as_json(),
        code=code_digest("measure_consistency"),
    shell:
        "python -m recinterpreter.stages.measure_consistency"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --answers {input.answers}"
        " --consistency {output.consistency}"
        " --code {params.code}"
        " --log {log}"


rule compute_scores:
    input:
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
        verdicts="results/{dataset}/{llm}/verdicts.parquet",
        rankings=lambda w: rankings(dataset=w.dataset),
        readings=lambda w: readings(rules.rank_titles.output.rankings, dataset=w.dataset),
        oracles=lambda w: oracles(rules.import_oracle_items.output.oracle, dataset=w.dataset),
        oracle_verdicts=lambda w: oracle_words(dataset=w.dataset),
        edits=lambda w: edited(rules.check_edits.output, dataset=w.dataset),
        consistencies=lambda w: consistencies(rules.measure_consistency.output, dataset=w.dataset),
        probes=lambda w: probes(rules.probe_states.output.probes, dataset=w.dataset),
        judgements=lambda w: judgements(rules.ask_judges.output, dataset=w.dataset),
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
        " --oracle-verdicts {input.oracle_verdicts}"
        " --edits {input.edits}"
        " --consistencies {input.consistencies}"
        " --probes {input.probes}"
        " --judgements {input.judgements}"
        " --scores {output.scores}"
        " --code {params.code}"
        " --log {log}"
