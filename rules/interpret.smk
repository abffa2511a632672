# The LLM answers over the recorded states, every control and every edit, one job for all of them: in
# words, or, of a preference, by a ranking of the catalogue's titles.


rule answer:
    input:
        config="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/config.json",
        weights="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/adapter.safetensors",
        selected=rules.select_states.output.selected,
        edited=rules.encode_edits.output.states,
        items_table="results/{dataset}/items.parquet",
        llm=language_model_inputs,
    output:
        answers=expand(
            "results/{{dataset}}/{{llm}}/answers/{{recommender}}/{{task}}/{{adapter}}/seed{{seed}}.{source}.parquet",
            source=SETTINGS.sources,
        ),
        edited=expand(
            "results/{{dataset}}/{{llm}}/answers/{{recommender}}/{{task}}/{{adapter}}/seed{{seed}}.{source}.parquet",
            source=SETTINGS.edited_sources,
        ),
    log:
        "results/logs/{dataset}/answer/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(ENCODERS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        llm=language_model_name,
        running=RUNNING,
        batch_size=SETTINGS.answers.batch_size,
    params:
        settings=lambda w: SETTINGS.answering(w.dataset, w.task, w.adapter).as_json(),
        llm=LANGUAGE_MODEL,
        shard=ALL,
        code=code_digest("answer"),
    shell:
        "python -m recinterpreter.stages.answer"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --selected {input.selected} {input.edited}"
        " --items {input.items_table}"
        " --llm {resources.llm:q}"
        " --running {resources.running:q}"
        " --answers {output.answers} {output.edited}"
        " --shard {params.shard}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"


# The states of an outside recommender's edited histories nobody can make.
use rule answer as answer_outside with:
    input:
        config="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/config.json",
        weights="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/adapter.safetensors",
        selected=rules.select_states.output.selected,
        edited=[],
        items_table="results/{dataset}/items.parquet",
        llm=language_model_inputs,
    output:
        answers=rules.answer.output.answers,
        edited=[],
    log:
        "results/logs/{dataset}/answer_outside/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside()),


# Oracle items in words (paper, section 3.3): what DreamRec dreamt stands in List2 and not in List1.
use rule answer as answer_oracle_items with:
    input:
        config="results/{dataset}/{llm}/adapters/{recommender}/residual/{adapter}/seed{seed}/config.json",
        weights="results/{dataset}/{llm}/adapters/{recommender}/residual/{adapter}/seed{seed}/adapter.safetensors",
        selected=rules.import_oracle_items.output.states,
        edited=[],
        items_table="results/{dataset}/items.parquet",
        llm=language_model_inputs,
    output:
        answers="results/{dataset}/{llm}/answers/{recommender}/residual/{adapter}/seed{seed}.oracle.parquet",
        edited=[],
    log:
        "results/logs/{dataset}/answer_oracle_items/{llm}.{recommender}.{adapter}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.dreaming),
    params:
        settings=lambda w: SETTINGS.answering(w.dataset, "residual", w.adapter).as_json(),
        llm=LANGUAGE_MODEL,
        code=code_digest("answer"),


rule rank_titles:
    input:
        config="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/config.json",
        weights="results/{dataset}/{llm}/adapters/{recommender}/{task}/{adapter}/seed{seed}/adapter.safetensors",
        selected=rules.select_states.output.selected,
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
        llm=language_model_inputs,
    output:
        rankings=expand(
            "results/{{dataset}}/{{llm}}/readings/{{recommender}}/{{task}}/{{adapter}}/seed{{seed}}.{source}.parquet",
            source=SETTINGS.sources,
        ),
    log:
        "results/logs/{dataset}/rank_titles/{llm}.{recommender}.{task}.{adapter}.seed{seed}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        llm=language_model_name,
        running=RUNNING,
        batch_size=SETTINGS.answers.batch_size,
    params:
        settings=lambda w: SETTINGS.title_ranking(w.dataset, w.task, w.adapter).as_json(),
        llm=LANGUAGE_MODEL,
        shard=ALL,
        code=code_digest("rank_titles"),
    shell:
        "python -m recinterpreter.stages.rank_titles"
        " --settings {params.settings:q}"
        " --batch-size {resources.batch_size}"
        " --config {input.config}"
        " --weights {input.weights}"
        " --selected {input.selected}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --llm {resources.llm:q}"
        " --running {resources.running:q}"
        " --rankings {output.rankings}"
        " --shard {params.shard}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"
