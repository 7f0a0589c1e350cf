"""A page to look at: runs side by side, and every question, opened from disk."""

from spider_opt.report.page.data import ReportData, report_data
from spider_opt.report.page.writing import write_report

__all__ = ["ReportData", "report_data", "write_report"]
