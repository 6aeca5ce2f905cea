"""From a study area and its records to a published run; the command line."""
