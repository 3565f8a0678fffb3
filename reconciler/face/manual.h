/* The manual pages, in man(7): made from the tables of commands, options and fields. */
#pragma once
#include <stdio.h>

/* xensteer(1): docs/xensteer.1. */
void manual_commands(FILE *);
/* xensteer.yaml(5): docs/xensteer.yaml.5. */
void manual_manifests(FILE *);
/* The manifests that xensteer.yaml(5) shows. */
extern const char manual_example[];
