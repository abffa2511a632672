# Files that users bring or that are downloaded: where jobs find them, and what is in them.


def ingest_settings(wildcards):
    """How a data set is read."""
    return SETTINGS.data.ingest(wildcards.dataset).as_json()


@functools.cache
def source_contents(dataset):
    """What is in the user's files that a data set is read from; None where they are downloaded."""
    return contents_of(SETTINGS.data.parts(dataset))


def downloaded(dataset):
    """Paths of the files that are downloaded for a data set; none where the user has them."""
    if SETTINGS.data.places(dataset):
        return []
    names = SETTINGS.data.origins[dataset].files.values()
    return expand(rules.download_source.output, dataset=dataset, name=names)


def source_files(wildcards):
    """What a source is read from, as words of a command: the user's files, or those downloaded."""
    files = SETTINGS.data.places(wildcards.dataset) or downloaded(wildcards.dataset)
    return shlex.join(files)


def checked(wildcards):
    """What the check of a source writes: another file for other settings or files."""
    said = f"{ingest_settings(wildcards)} {source_contents(wildcards.dataset)}"
    key = hashlib.sha256(said.encode()).hexdigest()[:12]
    return expand(rules.check_source.output, dataset=wildcards.dataset, key=key)


def reader_digest(stage, wildcards):
    """Code of a stage that reads raw files, its reader with it."""
    return code_digest(stage, reader=SETTINGS.data.origins[wildcards.dataset].reader)


def outside_file(key):
    """Name a file that an outside recommender brought: a function of its job's wildcards."""
    return lambda wildcards: getattr(SETTINGS.recommenders.outside[wildcards.recommender], key)


def outside_contents(key):
    """Digest a file that an outside recommender brought: a function of its job's wildcards."""
    return lambda wildcards: contents_of([outside_file(key)(wildcards)])


def outside_check(key):
    """Name what the check of an outside recommender's file writes: another one for each content."""
    return lambda wildcards: expand(
        rules.check_outside.output,
        dataset=wildcards.dataset,
        recommender=wildcards.recommender,
        file=key,
        contents=outside_contents(key)(wildcards)[:12],
    )


def item_table_to_probe(wildcards):
    """Where the item vectors of a recommender stand; an outside one may have brought none."""
    name = wildcards.recommender
    if name in SETTINGS.outside("items"):
        return expand(rules.import_items.output.item_table, **wildcards)
    if name in SETTINGS.outside():
        return []
    return expand(rules.train_recommender.output.weights, **wildcards)
