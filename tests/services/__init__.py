"""Tests of the services: real programs and real repositories, fakes only at the network edge."""
