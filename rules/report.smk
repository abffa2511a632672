# The page, and the tests of what the workflow made.


rule write_report:
    input:
        tables=[
            *every("results/{dataset}/items.parquet"),
            *every("results/{dataset}/examples.parquet"),
            *every(rules.audit_data.output),
            *every(RANKINGS),
            *every(rules.train_recommender.output),
            *every(rules.check_language_model.output),
            *every(rules.train_adapter.output),
            *every(rules.give_verdicts.output),
            *every(rules.compute_scores.output),
        ],
    output:
        page="results/report/index.html",
    log:
        "results/logs/report/write_report/report.log",
    conda:
        "../envs/python.yaml"
    threads: 1
    params:
        settings=SETTINGS.as_json(),
        code=code_digest("write_report"),
    shell:
        "python -m recinterpreter.stages.write_report"
        " --settings {params.settings:q}"
        " --results results"
        " --tables {input.tables}"
        " --page {output.page}"
        " --code {params.code}"
        " --log {log}"


rule test_artefacts:
    input:
        lambda w: [
            *every("results/{dataset}/users.parquet", dataset=w.dataset),
            *every("results/{dataset}/items.parquet", dataset=w.dataset),
            *every("results/{dataset}/interactions.parquet", dataset=w.dataset),
            *every(rules.split_examples.output, dataset=w.dataset),
            *every(rules.audit_data.output, dataset=w.dataset),
            *every(RANKINGS, dataset=w.dataset),
            *every(rules.encode_states.output, dataset=w.dataset),
            *every(rules.select_states.output, dataset=w.dataset),
            *every(rules.check_language_model.output, dataset=w.dataset),
            *every(rules.train_adapter.output, dataset=w.dataset),
            *every(rules.answer.output, dataset=w.dataset),
            *every(rules.compute_scores.output, dataset=w.dataset),
        ],
    output:
        junit="results/{dataset}/artefacts.xml",
    log:
        "results/logs/{dataset}/test_artefacts/{dataset}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    params:
        tests=f"{workflow.basedir}/tests/artefacts",
        settings=SETTINGS.as_json(),
        code=closure_digest(sorted(Path(workflow.basedir).glob("tests/artefacts/*.py"))),
    shell:
        "python -m pytest {params.tests:q} -p no:cacheprovider"
        " --settings {params.settings:q}"
        " --results results/{wildcards.dataset}"
        " --junitxml {output.junit}"
        " 2>&1 | tee {log}"
