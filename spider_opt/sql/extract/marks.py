"""What stands in answers beside their words: thoughts, tokens that end a turn, fences; by their signs.

The signs are those of the chat templates of Qwen, DeepSeek, Llama, Mistral, Gemma, Phi, Granite, Command, Kimi, Seed
and gpt-oss (harmony), and what models without any were taught to write.
"""

from __future__ import annotations

import re

_FAMILY = (
    r"(?:seed:|ant|antml:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|rationale|reflect(?:ion)?|scratch[_-]?pad|analysis"
    r"|plan(?:ning)?|cot|chain[_-]of[_-]thoughts?|inner[_-]monologue|deliberation|think(?:ing)?_process)"
)
_UPPER = r"(?:(?-i:THINK(?:ING)?|THOUGHTS?|REASONING))"
_BAR, _NO_BAR = "[|｜]", r"[^<>\n|｜]"
_CLOSES = (
    rf"</{_FAMILY}\s*>|\[/{_UPPER}\]|<{_BAR}(?:end_of_|/|END_|end▁of▁){_FAMILY}{_BAR}>|◁/{_FAMILY}▷"
    r"|<unused95>|<channel\|>"
)
END_TOKEN = (
    r"\[(?-i:(?:[A-Z]+[_\x20-]){0,3}(?:EO[A-Z]|END|STOP|DONE|FINISH(?:ED)?|TERMINATE|PAD|SEP|CLS|UNK)"
    r"(?:[_\x20-][A-Z]+){0,3})\]"
)
"""A token that ends a turn, in brackets, as which SQLite writes names too."""
SIGNS = ("<", "[", "{", "```", "~~~", "--", "/*", "◁")
"""The first characters of any of these, of a comment, or of JSON."""
KINDS = re.compile(
    rf"""(?P<opens><{_FAMILY}(?:\s[^<>\n]{{0,80}})?>|\[{_UPPER}\]
        |<{_BAR}(?:begin_of_|start_of_|START_|begin▁of▁)?{_FAMILY}{_BAR}>
        |◁{_FAMILY}▷|<unused94>)
    |(?P<closes>{_CLOSES})
    |<\|channel\|?>\s*(?P<channel>\w+)(?P<to>[^<\n]{{0,80}})(?:<\|constrain\|>[^<\n]{{0,20}})?(?:<\|message\|>)?
    |(?P<begins><{_BAR}(?:im_start|start|start_header_id|START_OF_TURN_TOKEN){_BAR}>\s*(?P<role>[A-Za-z]*)|<(?:s|bos)>
        |<{_BAR}(?:assistant|chatbot_token|message|end_header_id|START_RESPONSE|begin[_▁]of[_▁](?:text|sentence|solution)){_BAR}>
        |<start_of_turn>\s*(?P<turn>[a-z]*))
    |(?P<ends></s>|<(?:eos|pad|unk|eot|end_of_turn|end|eod)>|\[/?INST\]|{END_TOKEN}|<{_BAR}{_NO_BAR}{{1,40}}{_BAR}>)
    |(?P<fence>`{{3,}}|~{{3,}})
    |(?P<comment>--(?!>)|/\*)
    |(?P<json>\[\s{{0,20}}["{{]|\{{\s{{0,20}}["'])""",
    re.VERBOSE | re.IGNORECASE,
)
"""What it is that begins with a sign."""
END_OF_THOUGHTS = re.compile(_CLOSES, re.IGNORECASE)
ANSWERS = ("final", "answer", "response")
"""Channels that are no thoughts."""
NEXT_CHANNEL = re.compile(r"<\|(?:start|channel|end|return)\|?>")
THOUGHT_LANGUAGE = re.compile(rf"{_FAMILY}\Z", re.IGNORECASE)
"""The language of a fenced block that holds no answer."""
LANGUAGE = re.compile(
    r"[ \t]*(?:(?:sqlite3?|postgresql|mysql|sql)(?=[^A-Za-z0-9_]|\Z|select|with|values)"
    r"|(?!(?:select|with|values|from)\b)[a-z][\w+#.-]*(?=\s|\Z))?",
    re.IGNORECASE,
)
"""The rest of the line that opens a fenced block, which names its language, unless the query begins there."""
QUERIES = ("select", "with", "values", "from")
OTHERS = (
    "insert", "update", "delete", "replace", "create", "drop", "alter", "pragma", "explain", "attach", "vacuum",
)  # fmt: skip
"""The words with which statements begin: those of queries, and others, which count at the beginning of a line only."""
