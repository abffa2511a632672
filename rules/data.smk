# Events of any source become the same tables: users, items, interactions, then examples.
# Snakemake deletes a job's earlier outputs before it starts. So a source that can be bad is first
# checked by a job of its own, named by its settings: what stood before a bad file or a bad
# setting still stands after it, and where a good file and setting are named again it is up to date.
# Files of the user's are params by what is in them, and no inputs: a date and a place make none of
# them another one, and one that came with an old date counts as well.


FROM_FILES = "|".join(map(re.escape, SETTINGS.data.origins))
DOWNLOADED = {
    name
    for origin in SETTINGS.data.public.values()
    if origin.downloaded
    for name in origin.files.values()
}


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
        settings=SETTINGS.data.ingest("demo").as_json(),
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


rule download_source:
    output:
        "results/{dataset}/raw/{name}",
    log:
        "results/logs/{dataset}/download_source/{name}.log",
    wildcard_constraints:
        dataset=FROM_FILES,
        name="|".join(re.escape(name) for name in DOWNLOADED),
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=lambda w: row_json(w.name, w.dataset),
        code=code_digest("download_source"),
    shell:
        "python -m recinterpreter.stages.download_source"
        " --settings {params.settings:q}"
        " --file {output}"
        " --code {params.code}"
        " --log {log}"


rule check_source:
    input:
        lambda w: downloaded(w.dataset),
    output:
        "results/{dataset}/raw/checked-{key}.json",
    log:
        "results/logs/{dataset}/check_source/{key}.log",
    wildcard_constraints:
        dataset=FROM_FILES,
        key="[0-9a-f]{12}",
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        files=source_files,
    params:
        settings=ingest_settings,
        contents=lambda w: source_contents(w.dataset),
        code=lambda w: reader_digest("check_source", w),
    shell:
        "python -m recinterpreter.stages.check_source"
        " --settings {params.settings:q}"
        " --files {resources.files}"
        " --found {output}"
        " --code {params.code}"
        " --log {log}"


rule ingest_source:
    input:
        lambda w: downloaded(w.dataset),
        found=checked,
    output:
        users="results/{dataset}/users.parquet",
        items_table="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
    log:
        "results/logs/{dataset}/ingest_source/{dataset}.log",
    wildcard_constraints:
        dataset=FROM_FILES,
    cache: CACHED
    conda:
        "../envs/python.yaml"
    threads: 1
    resources:
        files=source_files,
    params:
        settings=ingest_settings,
        contents=lambda w: source_contents(w.dataset),
        code=lambda w: reader_digest("ingest_source", w),
    shell:
        "python -m recinterpreter.stages.ingest_source"
        " --settings {params.settings:q}"
        " --files {resources.files}"
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
        distributions="results/{dataset}/distributions.parquet",
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
        " --distributions {output.distributions}"
        " --code {params.code}"
        " --log {log}"


TABLES = [
    "results/{dataset}/users.parquet",
    "results/{dataset}/items.parquet",
    "results/{dataset}/interactions.parquet",
    *rules.split_examples.output,
    *rules.audit_data.output,
]
