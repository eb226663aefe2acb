"""Evaluation protocols: from detections and ground truth to average precision and recall."""
