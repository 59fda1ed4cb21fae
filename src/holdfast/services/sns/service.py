"""What SNS answers."""

from __future__ import annotations

from holdfast.api import sns as api
from holdfast.services.service import Service, linked, read, write
from holdfast.services.sns import (
    confirmation_operations,
    courier,
    fan_out,
    permission_operations,
    publish_operations,
    subscription_operations,
    subscriptions,
    tag_operations,
    topic_operations,
)
from holdfast.services.sns.guard import guard
from holdfast.work.due import Retry

SERVICE = Service(
    api=api.API,
    operations={
        "AddPermission": write(permission_operations.add_permission),
        "ConfirmSubscription": linked(confirmation_operations.confirm_subscription),
        "CreateTopic": write(topic_operations.create_topic),
        "DeleteTopic": write(topic_operations.delete_topic),
        "GetDataProtectionPolicy": read(topic_operations.get_data_protection_policy),
        "GetSubscriptionAttributes": read(subscription_operations.get_subscription_attributes),
        "GetTopicAttributes": read(topic_operations.get_topic_attributes),
        "ListSubscriptions": read(subscription_operations.list_subscriptions),
        "ListSubscriptionsByTopic": read(subscription_operations.list_subscriptions_by_topic),
        "ListTagsForResource": read(tag_operations.list_tags_for_resource),
        "ListTopics": read(topic_operations.list_topics),
        "Publish": write(publish_operations.publish),
        "PublishBatch": write(publish_operations.publish_batch),
        "RemovePermission": write(permission_operations.remove_permission),
        "SetSubscriptionAttributes": write(subscription_operations.set_subscription_attributes),
        "SetTopicAttributes": write(topic_operations.set_topic_attributes),
        "Subscribe": write(subscription_operations.subscribe),
        "TagResource": write(tag_operations.tag_resource),
        "Unsubscribe": linked(confirmation_operations.unsubscribe),
        "UntagResource": write(tag_operations.untag_resource),
    },
    jobs={
        subscriptions.DELIVER: courier.deliver,
        subscriptions.EXPIRE: subscriptions.expire,
        fan_out.FAN_OUT: fan_out.go_on,
    },
    effects={subscriptions.DELIVER: Retry(attempts=0)},
    deliveries=(subscriptions.DELIVER,),
    guard=guard,
)
