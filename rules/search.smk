# Recipes are tried, each by a job of its own, and one is chosen before a recommender is trained.
# The choice is a checkpoint: what is chosen comes into a training as its settings and not as a
# file, so that another search that chooses the same recipe makes nothing stale.


rule try_recipe:
    input:
        examples="results/{dataset}/examples.parquet",
        item_table=item_table_inputs,
    output:
        trial="results/{dataset}/recommenders/{recommender}/search/{trial}/trial.json",
        steps="results/{dataset}/recommenders/{recommender}/search/{trial}/steps.parquet",
    log:
        "results/logs/{dataset}/try_recipe/{recommender}.{trial}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
    params:
        settings=trial_settings,
        code=code_digest("try_recipe"),
    shell:
        "python -m recinterpreter.stages.try_recipe"
        " --settings {params.settings:q}"
        " --examples {input.examples}"
        " --item-table {input.item_table}"
        " --trial {output.trial}"
        " --steps {output.steps}"
        " --work results/.work"
        " --code {params.code}"
        " --log {log}"


checkpoint select_recipe:
    input:
        trials=lambda w: trials(rules.try_recipe.output.trial, w),
        steps=lambda w: trials(rules.try_recipe.output.steps, w),
    output:
        recipe="results/{dataset}/recommenders/{recommender}/search/recipe.json",
        table="results/{dataset}/recommenders/{recommender}/search/trials.parquet",
    log:
        "results/logs/{dataset}/select_recipe/{recommender}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    params:
        code=code_digest("select_recipe"),
    shell:
        "python -m recinterpreter.stages.select_recipe"
        " --trials {input.trials}"
        " --steps {input.steps}"
        " --recipe {output.recipe}"
        " --table {output.table}"
        " --code {params.code}"
        " --log {log}"
