"""The neutral vocabulary of requests, responses and stream events that every protocol maps to and from."""
