"""What all tables are made with, and the names that several of them share."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

ID = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite keeps a row under its id itself only if the type is spelled INTEGER."""

TOKEN_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
    "total_tokens",
    "audio_ms",
    "web_searches",
)
"""The fields of `Usage`, in its order."""
