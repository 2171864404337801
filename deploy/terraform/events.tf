# From the partner's event source to the source queues: the bus, one rule for each source, and its target.

data "aws_cloudwatch_event_source" "partner" {
  count = var.partner_event_source == null ? 0 : 1

  name_prefix = var.partner_event_source
}

# Associates the source. The bus has the source's name; AWS allows no other.
resource "aws_cloudwatch_event_bus" "partner" {
  count = var.partner_event_source == null ? 0 : 1

  name              = data.aws_cloudwatch_event_source.partner[0].name
  event_source_name = data.aws_cloudwatch_event_source.partner[0].name
}

resource "aws_cloudwatch_event_rule" "source" {
  for_each = var.sources

  name           = "${var.name}-${each.key}"
  description    = "Events for the queue ${var.name}-${each.key}"
  event_bus_name = local.bus_name
  # detail-type is the topic with a literal {id}: v2.detail.events.conversation.{id}.customer.end
  event_pattern = coalesce(each.value.pattern, jsonencode({
    source      = [{ prefix = each.value.source_prefix }]
    detail-type = [for topic in each.value.topics : { prefix = topic }]
  }))
}

resource "aws_cloudwatch_event_target" "source" {
  for_each = var.sources

  rule           = aws_cloudwatch_event_rule.source[each.key].name
  event_bus_name = local.bus_name
  target_id      = "queue"
  arn            = aws_sqs_queue.source[each.key].arn

  retry_policy {
    maximum_event_age_in_seconds = var.event_retry.maximum_age_seconds
    maximum_retry_attempts       = var.event_retry.maximum_attempts
  }
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  # EventBridge does not try again what it may not do; what came before the policies would be undelivered.
  depends_on = [aws_sqs_queue_policy.source, aws_sqs_queue_policy.undelivered]
}
