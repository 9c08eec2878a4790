//! Every disk on a host as one graph.
