"""What a benchmark is made of: which files hold its questions, what they call their parts, what may be learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt.benchmarks.validation import is_query_split, is_training

if TYPE_CHECKING:
    from spider_opt.benchmarks.questions import Entry


@dataclass(frozen=True, slots=True)
class Fields:
    """What the questions of a file call their parts; '' for what they do not have.

    ``metadata`` maps what scoring may tell questions apart by to the file's name for it: ``{"difficulty": "level"}``.
    It and ``notes``, which a model is shown, may be text or numbers, and may be lacking or empty in a question.
    """

    db_id: str = "db_id"
    question: str = "question"
    query: str = "query"
    notes: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Where a split lies, as paths in the benchmark's folder.

    ``questions`` are its files, in order; a split without any is a file that is named by ``--questions``.
    ``databases`` says where the SQLite file of a database is, ``tables`` which file has its names in plain words
    (``tables.json`` of Spider; need not be there), which may also be called as one of ``other_tables``. ``golds`` is a
    text file of the gold queries, a line each with a tab and the db_id behind it: where it is there its golds count.
    ``descriptions`` is the folder of a database with a CSV file for each table that says what its columns hold.
    ``or_questions`` are further places of the one file of questions, and ``sign`` a text that it has there early on,
    where files of other benchmarks may be called so too. ``other_databases`` are further places of databases.
    """

    questions: tuple[str, ...]
    tables: str = "tables.json"
    databases: str = "database/{db_id}/{db_id}.sqlite"
    other_tables: tuple[str, ...] = ()
    golds: str = ""
    descriptions: str = ""
    or_questions: tuple[str, ...] = ()
    sign: str = ""
    other_databases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A zip that holds a whole benchmark.

    ``page`` is to be opened in a browser where nothing comes from ``url``; ``sha256`` is None where none is known;
    ``size`` says in words how large it is.
    """

    url: str
    page: str
    sha256: str | None = None
    size: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A benchmark as its files have it: all there is to say to add one, under a name in ``benchmarks.table``.

    An installed package adds its own by an entry point in the group ``spider_opt.benchmarks``, which names one::

        [project.entry-points."spider_opt.benchmarks"]
        toy = "toy_package:TOY"          # TOY: spider_opt.benchmarks.Source

    Attributes:
        title: what people call it.
        about: one sentence on what it is.
        licence: of its questions and databases.
        splits: by name. Those to learn from have names that begin with ``train``, and no others do.
        default: the split that is meant where none is named.
        or_else: splits that are meant where the folder has no such one, the first that it has.
        fields: of its questions.
        training: the split that retrieval and tuning learn from: its name, or ``spider:train`` for that of another
            benchmark in the same folder; None where there is none.
        notes: what a model is told with every question, before the question's own notes.
        page: the web page that has it.
        download: what ``spider-opt data fetch`` gets.
        variable: the environment variable that names its folder where nothing else does.
        root: the folder that it comes in, where it comes with a package; else users name theirs by ``--data``.
        build: makes what is not there yet from ``root``, and returns the folder that has the databases.
        aliases: further names for splits.
        scorer: what is right by the benchmark's own rule: the name of a scorer.
        signs: folders and files by which a folder is known for this benchmark's where nobody names it.
        over: the benchmark whose databases its questions are about, where they come as files without them: that
            one's folder is named then.
        shares_databases: whether what is asked is about the databases of what is learnt from, with other queries (see
            ``query_split``): the names of its splits then end with ``-query-split``.
        reader: makes of the questions of its files, in a folder, those that are asked, where more is to be read than
            these files have: golds that are results, documents.
    """

    title: str
    about: str
    licence: str
    splits: Mapping[str, Split]
    default: str
    fields: Fields = Fields()
    training: str | None = None
    notes: str = ""
    page: str = ""
    download: Download | None = None
    variable: str = ""
    root: Path | None = None
    build: Callable[[Path], Path] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    scorer: str = "official"
    or_else: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    over: str = ""
    shares_databases: bool = False
    reader: Callable[[list[Entry], Path], list[Entry]] | None = None

    def __post_init__(self) -> None:
        for name in (self.default, *self.or_else):
            if name not in self.splits:
                raise ValueError(f"the default split {name!r} is none of its splits")
        if self.training is not None and ":" not in self.training and self.training not in self.splits:
            raise ValueError(f"the training split {self.training!r} is none of its splits")
        if self.training is not None and not is_training(self.training.rpartition(":")[2]):
            raise ValueError(f"the name of a training split begins with train, {self.training!r} does not")
        for name, split in self.splits.items():
            if is_query_split(name):
                raise ValueError(f"the name {name!r} says that it shares databases: that is shares_databases")
            if "{db_id}" not in split.databases:
                raise ValueError(f"the databases of {name} need a {{db_id}} in their path")
