# Events of four sources become the same tables: users, items, interactions, then examples.
# Snakemake deletes a job's earlier outputs before it starts. So a source that can be bad is first
# checked by a job of its own, named by its settings: what stood before a bad file or a bad
# setting still stands after it, and where a good file and setting are named again it is up to date.
# Files of the user's are params by what is in them, and no inputs: a date and a place make none of
# them another one, and one that came with an old date counts as well.


MOVIELENS_CONTENTS = contents_of(movielens_files(SETTINGS.data.ml_100k.path))
STEAM_CONTENTS = contents_of(steam_files(SETTINGS.data.steam.path))


rule ingest_demo:
    output:
        users="results/demo/users.parquet",
        items_table="results/demo/items.parquet",
        interactions="results/demo/interactions.parquet",
        preferences="results/demo/preferences.parquet",
        successors="results/demo/successors.parquet",
        truth="results/demo/truth.json",
    log:
        "results/logs/demo/ingest_demo/demo.log",
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.ingest("demo").as_json(),
        code=code_digest("ingest_demo"),
    shell:
        "python -m recinterpreter.stages.ingest_demo"
        " --settings {params.settings:q}"
        " --users {output.users}"
        " --items {output.items_table}"
        " --interactions {output.interactions}"
        " --preferences {output.preferences}"
        " --successors {output.successors}"
        " --truth {output.truth}"
        " --code {params.code}"
        " --log {log}"


rule download_ml_100k:
    output:
        archive="results/ml-100k/raw/ml-100k.zip",
    log:
        "results/logs/ml-100k/download_ml_100k/ml-100k.log",
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("download_ml_100k"),
    shell:
        "python -m recinterpreter.stages.download_ml_100k"
        " --archive {output.archive}"
        " --code {params.code}"
        " --log {log}"


rule check_ml_100k:
    input:
        movielens_inputs,
    output:
        found=check_note(
            "ml-100k",
            SETTINGS.ingest("ml-100k").as_json(),
            MOVIELENS_CONTENTS,
        ),
    log:
        "results/logs/ml-100k/check_ml_100k/ml-100k.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        source=movielens_source,
    params:
        settings=SETTINGS.ingest("ml-100k").as_json(),
        contents=MOVIELENS_CONTENTS,
        code=code_digest("check_ml_100k"),
    shell:
        "python -m recinterpreter.stages.check_ml_100k"
        " --settings {params.settings:q}"
        " --source {resources.source:q}"
        " --found {output.found}"
        " --code {params.code}"
        " --log {log}"


rule ingest_ml_100k:
    input:
        movielens_inputs,
        found=rules.check_ml_100k.output.found,
    output:
        users="results/ml-100k/users.parquet",
        items_table="results/ml-100k/items.parquet",
        interactions="results/ml-100k/interactions.parquet",
    log:
        "results/logs/ml-100k/ingest_ml_100k/ml-100k.log",
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        source=movielens_source,
    params:
        settings=SETTINGS.ingest("ml-100k").as_json(),
        contents=MOVIELENS_CONTENTS,
        code=code_digest("ingest_ml_100k"),
    shell:
        "python -m recinterpreter.stages.ingest_ml_100k"
        " --settings {params.settings:q}"
        " --source {resources.source:q}"
        " --users {output.users}"
        " --items {output.items_table}"
        " --interactions {output.interactions}"
        " --code {params.code}"
        " --log {log}"


rule download_steam:
    output:
        games="results/steam/raw/steam_games.json.gz",
        reviews="results/steam/raw/steam_reviews.json.gz",
    log:
        "results/logs/steam/download_steam/steam.log",
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("download_steam"),
    shell:
        "python -m recinterpreter.stages.download_steam"
        " --games {output.games}"
        " --reviews {output.reviews}"
        " --code {params.code}"
        " --log {log}"


rule check_steam:
    input:
        steam_inputs,
    output:
        found=check_note("steam", SETTINGS.ingest("steam").as_json(), STEAM_CONTENTS),
    log:
        "results/logs/steam/check_steam/steam.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        games=lambda w: steam_source(w)[0],
        reviews=lambda w: steam_source(w)[1],
    params:
        settings=SETTINGS.ingest("steam").as_json(),
        contents=STEAM_CONTENTS,
        code=code_digest("check_steam"),
    shell:
        "python -m recinterpreter.stages.check_steam"
        " --settings {params.settings:q}"
        " --games {resources.games:q}"
        " --reviews {resources.reviews:q}"
        " --found {output.found}"
        " --code {params.code}"
        " --log {log}"


rule ingest_steam:
    input:
        steam_inputs,
        found=rules.check_steam.output.found,
    output:
        users="results/steam/users.parquet",
        items_table="results/steam/items.parquet",
        interactions="results/steam/interactions.parquet",
    log:
        "results/logs/steam/ingest_steam/steam.log",
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        games=lambda w: steam_source(w)[0],
        reviews=lambda w: steam_source(w)[1],
    params:
        settings=SETTINGS.ingest("steam").as_json(),
        contents=STEAM_CONTENTS,
        code=code_digest("ingest_steam"),
    shell:
        "python -m recinterpreter.stages.ingest_steam"
        " --settings {params.settings:q}"
        " --games {resources.games:q}"
        " --reviews {resources.reviews:q}"
        " --users {output.users}"
        " --items {output.items_table}"
        " --interactions {output.interactions}"
        " --code {params.code}"
        " --log {log}"


if "events" in SETTINGS.data.sources:

    EVENTS_CONTENTS = contents_of([SETTINGS.data.events.events, SETTINGS.data.events.items])

    rule check_events:
        output:
            found=check_note(
                SETTINGS.data.events.name,
                SETTINGS.ingest("events").as_json(),
                EVENTS_CONTENTS,
            ),
        log:
            f"results/logs/{SETTINGS.data.events.name}/check_events/events.log",
        conda:
            "../envs/python.yaml"
        threads: 1
        resources:
            events_table=SETTINGS.data.events.events,
            items_table=SETTINGS.data.events.items,
        params:
            settings=SETTINGS.ingest("events").as_json(),
            contents=EVENTS_CONTENTS,
            code=code_digest("check_events"),
        shell:
            "python -m recinterpreter.stages.check_events"
            " --settings {params.settings:q}"
            " --events-table {resources.events_table:q}"
            " --items-table {resources.items_table:q}"
            " --found {output.found}"
            " --code {params.code}"
            " --log {log}"

    rule ingest_events:
        input:
            found=rules.check_events.output.found,
        output:
            users=f"results/{SETTINGS.data.events.name}/users.parquet",
            items_table=f"results/{SETTINGS.data.events.name}/items.parquet",
            interactions=f"results/{SETTINGS.data.events.name}/interactions.parquet",
        log:
            f"results/logs/{SETTINGS.data.events.name}/ingest_events/events.log",
        cache: CACHED
        conda:
            "../envs/python.yaml"
        threads: 1
        resources:
            events_table=SETTINGS.data.events.events,
            items_table=SETTINGS.data.events.items,
        params:
            settings=SETTINGS.ingest("events").as_json(),
            contents=EVENTS_CONTENTS,
            code=code_digest("ingest_events"),
        shell:
            "python -m recinterpreter.stages.ingest_events"
            " --settings {params.settings:q}"
            " --events-table {resources.events_table:q}"
            " --items-table {resources.items_table:q}"
            " --users {output.users}"
            " --items {output.items_table}"
            " --interactions {output.interactions}"
            " --code {params.code}"
            " --log {log}"


rule split_examples:
    input:
        interactions="results/{dataset}/interactions.parquet",
    output:
        examples="results/{dataset}/examples.parquet",
    log:
        "results/logs/{dataset}/split_examples/{dataset}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.split.as_json(),
        code=code_digest("split_examples"),
    shell:
        "python -m recinterpreter.stages.split_examples"
        " --settings {params.settings:q}"
        " --interactions {input.interactions}"
        " --examples {output.examples}"
        " --code {params.code}"
        " --log {log}"


rule audit_data:
    input:
        interactions="results/{dataset}/interactions.parquet",
        items_table="results/{dataset}/items.parquet",
        examples="results/{dataset}/examples.parquet",
    output:
        audit="results/{dataset}/audit.parquet",
    log:
        "results/logs/{dataset}/audit_data/{dataset}.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        code=code_digest("audit_data"),
    shell:
        "python -m recinterpreter.stages.audit_data"
        " --interactions {input.interactions}"
        " --items {input.items_table}"
        " --examples {input.examples}"
        " --audit {output.audit}"
        " --code {params.code}"
        " --log {log}"


TABLES = [
    "results/{dataset}/users.parquet",
    "results/{dataset}/items.parquet",
    "results/{dataset}/interactions.parquet",
    *rules.split_examples.output,
    *rules.audit_data.output,
]
