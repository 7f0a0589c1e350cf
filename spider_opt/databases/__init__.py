"""Where SQL runs: databases that answer hostile queries, and what they look like."""

from spider_opt.databases.files import database_hash
from spider_opt.databases.limits import Limits
from spider_opt.databases.pool import DatabasePool
from spider_opt.databases.sandbox import Sandbox
from spider_opt.databases.schema import read_schema

__all__ = ["DatabasePool", "Limits", "Sandbox", "database_hash", "read_schema"]
