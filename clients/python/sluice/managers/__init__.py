"""The four managers that proxies wrote to Firestore with, on Sluice: the imports change and nothing else.

`from sluice.managers import ResponseAggregator, BatchDatabaseManager, SmartFileManager, QuotaMonitor`
"""

from .files import SmartFileManager
from .operations import BatchDatabaseManager
from .quota import QuotaMonitor
from .responses import ResponseAggregator
from .shared import use

__all__ = ["BatchDatabaseManager", "QuotaMonitor", "ResponseAggregator", "SmartFileManager", "use"]
