"""Compilers as Gymnasium environments: many sessions on one asynchronous service."""
