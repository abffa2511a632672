# The page, and the tests of what the workflow made.


ARTEFACTS = [
    *TABLES,
    *rules.encode_states.output,
    *rules.select_states.output,
    *rules.check_language_model.output,
    *rules.train_adapter.output,
    *rules.give_verdicts.output,
    *rules.compute_scores.output,
]


rule write_report:
    input:
        tables=[
            *every("results/{dataset}/items.parquet"),
            *every("results/{dataset}/examples.parquet"),
            *every(rules.audit_data.output),
            *rankings(),
            *made_here(rules.train_recommender.output),
            *searches(rules.select_recipe.output),
            *every(rules.check_language_model.output),
            *every(rules.train_adapter.output),
            *every(rules.give_verdicts.output),
            *every(rules.compute_scores.output),
        ],
    output:
        page=report(
            "results/report/index.html",
            caption="../workflow/report/page.rst",
            category="Results",
        ),
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
        artefacts=lambda w: artefacts(w.dataset),
    output:
        junit="results/{dataset}/artefacts.xml",
    log:
        "results/logs/{dataset}/test_artefacts/{dataset}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    params:
        tests=closure_digest(sorted(Path(workflow.basedir).glob("tests/artefacts/*.py"))),
        code=code_digest("test_artefacts"),
    shell:
        "python -m recinterpreter.stages.test_artefacts"
        " --artefacts {input.artefacts}"
        " --junit {output.junit}"
        " --code {params.code}"
        " --log {log}"
