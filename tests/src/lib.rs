//! Nothing: this package holds the tests in `suite/`, which need real servers and the built module.
