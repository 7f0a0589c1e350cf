"""What tests of trainings may use."""

from tiny_model import lessons, needed, one_thread, tiny, tokenizer, tuned

__all__ = ["lessons", "needed", "one_thread", "tiny", "tokenizer", "tuned"]
