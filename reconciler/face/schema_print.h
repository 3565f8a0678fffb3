/* The manifests' language, told from the field tables: to editors and validators as JSON Schema, to people as
 * a page. */
#pragma once
#include "model/schema.h"
#include <stdio.h>

/* JSON Schema 2020-12 of a document: one of the kinds. */
void schema_json(struct json *);
/* The reference of all kinds and fields, in Markdown: docs/reference.md. */
void reference_markdown(FILE *);

/* The types that manifests consist of, each once, users before what they use; OBSERVED fields lead nowhere.
 */
struct list schema_types(struct arena *);
/* Does a manifest have this field? */
bool schema_shows(const struct field *);
/* The kind whose documents are of this type, or KINDS. */
enum kind schema_kind(const struct type *);
