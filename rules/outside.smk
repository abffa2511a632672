# Recommenders made elsewhere: the files they brought become the tables that those of recommenders
# trained here are, so that everything behind serves both. The files count by content, and each is
# checked by a job of its own first: what was made of a good one still stands after a bad one.


rule check_outside:
    input:
        users="results/{dataset}/users.parquet",
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        "results/{dataset}/outside/{recommender}/{file}-checked-{contents}.json",
    log:
        "results/logs/{dataset}/check_outside/{recommender}.{file}-{contents}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside()),
        file="states|items|recommended|oracle",
        contents="[0-9a-f]{12}",
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        given=lambda w: outside_file(w.file)(w),
    params:
        settings=lambda w: json.dumps({"file": w.file}),
        code=code_digest("check_outside"),
    shell:
        "python -m recinterpreter.stages.check_outside"
        " --settings {params.settings:q}"
        " --given {resources.given:q}"
        " --users {input.users}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --found {output}"
        " --code {params.code}"
        " --log {log}"


rule import_states:
    input:
        outside_check("states"),
        users="results/{dataset}/users.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        states="results/{dataset}/states/{recommender}/seed{seed}.parquet",
    log:
        "results/logs/{dataset}/import_states/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside()),
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        given=outside_file("states"),
    params:
        settings=lambda w: SETTINGS.imported_states(w.recommender, w.seed).as_json(),
        contents=outside_contents("states"),
        code=code_digest("import_states"),
    shell:
        "python -m recinterpreter.stages.import_states"
        " --settings {params.settings:q}"
        " --given {resources.given:q}"
        " --users {input.users}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --states {output.states}"
        " --code {params.code}"
        " --log {log}"


rule import_items:
    input:
        outside_check("items"),
        items_table="results/{dataset}/items.parquet",
    output:
        item_table="results/{dataset}/recommenders/{recommender}/seed{seed}/item_table.safetensors",
    log:
        "results/logs/{dataset}/import_items/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside("items")),
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        given=outside_file("items"),
    params:
        contents=outside_contents("items"),
        code=code_digest("import_items"),
    shell:
        "python -m recinterpreter.stages.import_items"
        " --given {resources.given:q}"
        " --items {input.items_table}"
        " --item-table {output.item_table}"
        " --code {params.code}"
        " --log {log}"


rule import_recommended:
    input:
        outside_check("recommended"),
        users="results/{dataset}/users.parquet",
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        recommended="results/{dataset}/recommenders/{recommender}/seed{seed}/recommended.parquet",
        ranking="results/{dataset}/recommenders/{recommender}/seed{seed}/ranking.parquet",
    log:
        "results/logs/{dataset}/import_recommended/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside("recommended")),
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        given=outside_file("recommended"),
    params:
        settings=lambda w: SETTINGS.imported(w.recommender, w.seed).as_json(),
        contents=outside_contents("recommended"),
        code=code_digest("import_recommended"),
    shell:
        "python -m recinterpreter.stages.import_recommended"
        " --settings {params.settings:q}"
        " --given {resources.given:q}"
        " --users {input.users}"
        " --items {input.items_table}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --recommended {output.recommended}"
        " --ranking {output.ranking}"
        " --code {params.code}"
        " --log {log}"


rule import_oracle_items:
    input:
        outside_check("oracle"),
        item_table=rules.import_items.output.item_table,
        recorded=rules.import_states.output.states,
        users="results/{dataset}/users.parquet",
        interactions="results/{dataset}/interactions.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        states="results/{dataset}/states/{recommender}/seed{seed}.oracle.parquet",
        oracle="results/{dataset}/recommenders/{recommender}/seed{seed}/oracle.parquet",
    log:
        "results/logs/{dataset}/import_oracle_items/{recommender}.seed{seed}.log",
    wildcard_constraints:
        recommender=one_of(SETTINGS.outside("oracle")),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        given=outside_file("oracle"),
    params:
        settings=lambda w: SETTINGS.imported_oracle(w.recommender, w.seed).as_json(),
        contents=outside_contents("oracle"),
        code=code_digest("import_oracle_items"),
    shell:
        "python -m recinterpreter.stages.import_oracle_items"
        " --settings {params.settings:q}"
        " --given {resources.given:q}"
        " --item-table {input.item_table}"
        " --recorded {input.recorded}"
        " --users {input.users}"
        " --interactions {input.interactions}"
        " --examples {input.examples}"
        " --states {output.states}"
        " --oracle {output.oracle}"
        " --code {params.code}"
        " --log {log}"
