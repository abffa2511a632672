# Where several jobs share the work of one: each makes its part of the tables, which are temporary,
# and one more job joins them. With one job (as shipped) none of these rules is there.


if SETTINGS.states.shards > 1:

    scattergather:
        states=SETTINGS.states.shards,

    use rule encode_states as encode_states_part with:
        output:
            states=temp(part_of(rules.encode_states.output)),
        log:
            "results/logs/{dataset}/encode_states_part/{recommender}.seed{seed}.{scatteritem}.log",
        cache: False
        params:
            shard=lambda w: w.scatteritem,

    use rule generate_oracle_items as generate_oracle_items_part with:
        output:
            states=temp(part_of([rules.generate_oracle_items.output.states])),
            oracle=temp(part_of([rules.generate_oracle_items.output.oracle])),
        log:
            "results/logs/{dataset}/generate_oracle_items_part/dreamrec.seed{seed}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    rule gather_states:
        input:
            parts=parts_of(rules.encode_states.output, gather.states),
        output:
            gathered=list(rules.encode_states.output),
        log:
            "results/logs/{dataset}/gather_states/{recommender}.seed{seed}.log",
        wildcard_constraints:
            recommender=one_of(ENCODERS),
        conda:
            "../envs/python.yaml"
        threads: 1
        params:
            code=code_digest("gather_tables"),
        shell:
            "python -m recinterpreter.stages.gather_tables"
            " --parts {input.parts}"
            " --gathered {output.gathered}"
            " --code {params.code}"
            " --log {log}"

    use rule gather_states as gather_oracle_items with:
        input:
            parts=parts_of(rules.generate_oracle_items.output, gather.states),
        output:
            gathered=list(rules.generate_oracle_items.output),
        log:
            "results/logs/{dataset}/gather_oracle_items/dreamrec.seed{seed}.log",

    ruleorder: gather_states > encode_states
    ruleorder: gather_oracle_items > generate_oracle_items


if SETTINGS.answers.shards > 1:

    scattergather:
        answers=SETTINGS.answers.shards,

    use rule answer as answer_part with:
        output:
            answers=temp(part_of(rules.answer.output.answers)),
            edited=temp(part_of(rules.answer.output.edited)),
        log:
            "results/logs/{dataset}/answer_part/{llm}.{recommender}.{task}.{adapter}.seed{seed}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    use rule answer_outside as answer_outside_part with:
        output:
            answers=temp(part_of(rules.answer_outside.output)),
            edited=[],
        log:
            "results/logs/{dataset}/answer_outside_part/{llm}.{recommender}.{task}.{adapter}.seed{seed}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    use rule answer_oracle_items as answer_oracle_items_part with:
        output:
            answers=temp(part_of(rules.answer_oracle_items.output)),
            edited=[],
        log:
            "results/logs/{dataset}/answer_oracle_items_part/{llm}.{recommender}.{adapter}.seed{seed}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    use rule rank_titles as rank_titles_part with:
        output:
            rankings=temp(part_of(rules.rank_titles.output)),
        log:
            "results/logs/{dataset}/rank_titles_part/{llm}.{recommender}.{task}.{adapter}.seed{seed}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    rule gather_answers:
        input:
            parts=parts_of(rules.answer.output, gather.answers),
        output:
            gathered=list(rules.answer.output),
        log:
            "results/logs/{dataset}/gather_answers/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
        wildcard_constraints:
            recommender=one_of(ENCODERS),
        conda:
            "../envs/python.yaml"
        threads: 1
        params:
            code=code_digest("gather_tables"),
        shell:
            "python -m recinterpreter.stages.gather_tables"
            " --parts {input.parts}"
            " --gathered {output.gathered}"
            " --code {params.code}"
            " --log {log}"

    use rule gather_answers as gather_outside_answers with:
        input:
            parts=parts_of(rules.answer_outside.output, gather.answers),
        output:
            gathered=list(rules.answer_outside.output),
        log:
            "results/logs/{dataset}/gather_outside_answers/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
        wildcard_constraints:
            recommender=one_of(SETTINGS.outside()),

    use rule gather_answers as gather_oracle_answers with:
        input:
            parts=parts_of(rules.answer_oracle_items.output, gather.answers),
        output:
            gathered=list(rules.answer_oracle_items.output),
        log:
            "results/logs/{dataset}/gather_oracle_answers/{llm}.{recommender}.{adapter}.seed{seed}.log",
        wildcard_constraints:
            recommender=one_of(SETTINGS.dreaming),

    use rule gather_answers as gather_rankings with:
        input:
            parts=parts_of(rules.rank_titles.output, gather.answers),
        output:
            gathered=list(rules.rank_titles.output),
        log:
            "results/logs/{dataset}/gather_rankings/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
        wildcard_constraints:
            recommender=one_of([*ENCODERS, *SETTINGS.outside()]),

    ruleorder: gather_answers > answer
    ruleorder: gather_outside_answers > answer_outside
    ruleorder: gather_oracle_answers > answer_oracle_items
    ruleorder: gather_rankings > rank_titles


if SETTINGS.judge.shards > 1:

    scattergather:
        judge=SETTINGS.judge.shards,

    use rule ask_judges as ask_judges_part with:
        output:
            judgements=temp(part_of(rules.ask_judges.output)),
        log:
            "results/logs/{dataset}/ask_judges_part/{llm}.{scatteritem}.log",
        params:
            shard=lambda w: w.scatteritem,

    # No part is a run of rows, for no question is asked twice, and a case may be that of another one
    # word for word. So the judgements are those of a job that finds all replies there.
    use rule ask_judges as gather_judgements with:
        input:
            cases="results/{dataset}/{llm}/judge/cases.parquet",
            planted=planted_tables,
            parts=parts_of(rules.ask_judges.output, gather.judge),
        log:
            "results/logs/{dataset}/gather_judgements/{llm}.log",

    ruleorder: gather_judgements > ask_judges
