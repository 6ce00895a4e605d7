"""Notifications: what buyers and sellers are told, in the marketplace and by mail."""

from domains.notifications.errors import MailRefused, MailUnavailable
from domains.notifications.model import (
    Delivery,
    DeliveryStatus,
    Notification,
    NotificationChannel,
    NotificationStatus,
    Preference,
)
from domains.notifications.ports import Mail, MailProvider
from domains.notifications.service import NotificationsService
from messaging.events import NotificationKind

__all__ = [
    "Delivery",
    "DeliveryStatus",
    "Mail",
    "MailProvider",
    "MailRefused",
    "MailUnavailable",
    "Notification",
    "NotificationChannel",
    "NotificationKind",
    "NotificationStatus",
    "NotificationsService",
    "Preference",
]
