"""Every rule of the audit, by subject."""

from app.audit.rules_of_catalog import CATALOG
from app.audit.rules_of_delivery import DELIVERY
from app.audit.rules_of_messages import MESSAGES
from app.audit.rules_of_money import MONEY
from app.audit.rules_of_orders import ORDERS
from app.audit.rules_of_refunds import REFUNDS
from app.audit.rules_of_sellers import SELLERS
from app.audit.rules_of_stock import STOCK

RULES = (*ORDERS, *MONEY, *REFUNDS, *STOCK, *SELLERS, *MESSAGES, *CATALOG, *DELIVERY)

ALWAYS = tuple(rule for rule in RULES if rule.always)
"""What holds at every moment, also in the files of a process that was just killed."""
