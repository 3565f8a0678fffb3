/* An observation goes in; its facts leave as lines, one per known field, by the tables alone. Left out is
 * what any two runs differ in: numbers that count up, and places and inodes of files; and sizes of disks,
 * which tests/lab/attack/grow.sh asks the guests themselves about. */
#include "tests/differential/play.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const struct type *type;
	const char *key;
} varying[] = {{&type_HaveDomain, "domid"}, {&type_HaveDomain, "name"}, {&type_Disk, "target"},
	{&type_Disk, "id"}, {&type_Disk, "size"}};

static bool varies(const struct type *type, const struct field *field)
{
	for (size_t i = 0; i < sizeof(varying) / sizeof(*varying); i++)
		if (varying[i].type == type && strcmp(varying[i].key, field->key) == 0)
			return true;
	return false;
}

static void object_add(struct arena *arena, struct list *facts, const char *path, const struct type *type,
	const void *object);

/* What an entry of a list goes by. A nic of the host has no name of ours: its number is one. */
static const char *entry_key(struct arena *arena, const struct type *type, const void *entry)
{
	const struct field *key = type_field(type, type->key);
	if (type == &type_Nic && KNOWN((const struct Nic *)entry, Nic, device))
		key = type_field(type, "device");
	BUFFER_SCOPED text = {0};
	value_text(&text, key, field_value(key, entry));
	return arena_text(arena, buffer_string(&text));
}

static void field_add(struct arena *arena, struct list *facts, const char *path, const struct field *field,
	const void *value)
{
	BUFFER_SCOPED text = {0};
	const struct list *entries = value;
	if (field->shape == SHAPE_One && *(void *const *)value) {
		object_add(arena, facts, path, field->of, *(void *const *)value);
		return;
	}
	for (uint32_t i = 0; field->shape == SHAPE_Many && i < entries->count; i++)
		object_add(arena, facts,
			arena_format(arena, "%s[%s]", path, entry_key(arena, field->of, entries->item[i])),
			field->of, entries->item[i]);
	if (field->shape == SHAPE_Many && entries->count)
		return;
	if (field->shape == SHAPE_Many || field->shape == SHAPE_One)
		buffer_text(&text, "none");
	else
		value_text(&text, field, value);
	list_add(arena, facts, arena_format(arena, "%s = %s", path, buffer_string(&text)));
}

static void object_add(struct arena *arena, struct list *facts, const char *path, const struct type *type,
	const void *object)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		if (*field_mark(type, i, object) && !varies(type, field))
			field_add(arena, facts, arena_format(arena, "%s.%s", path, field->key), field,
				field_value(field, object));
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Xen's name of it; of one that is nameless, whose UUID it has. */
static const char *label_of(struct arena *arena, const struct play *play, const struct HaveDomain *domain)
{
	if (KNOWN(domain, HaveDomain, name) && domain->name)
		return domain->name;
	for (uint32_t i = 0; i < play->definitions.count; i++) {
		const struct definition *definition = play->definitions.item[i];
		if (text_equal(definition->domain->uid, domain->uuid))
			return arena_format(arena, "(nameless %s)", definition->name);
	}
	return "(nameless)";
}

struct list facts_of(struct arena *arena, struct play *play)
{
	struct list facts = {0};
	const struct list *domains = &play->have->found->domains;
	if (!play->have->known)
		list_add(arena, &facts, arena_text(arena, "host = unknown"));
	for (uint32_t i = 0; i < domains->count; i++)
		object_add(arena, &facts, label_of(arena, play, domains->item[i]), &type_HaveDomain,
			domains->item[i]);
	list_sort(&facts, by_text);
	return facts;
}

static size_t length_to(const char *fact, const char *end)
{
	const char *at = strstr(fact, end);
	return at ? (size_t)(at - fact) : strlen(fact);
}

/* Is there a fact that begins with the first `length` bytes of this one, and `end`? */
static bool has_begin(const struct list *facts, const char *fact, size_t length, const char *end)
{
	for (uint32_t i = 0; i < facts->count; i++) {
		const char *other = facts->item[i];
		if (strncmp(other, fact, length) == 0 && text_starts(other + length, end))
			return true;
	}
	return false;
}

static bool has(const struct list *facts, const char *fact)
{
	for (uint32_t i = 0; i < facts->count; i++)
		if (strcmp(facts->item[i], fact) == 0)
			return true;
	return false;
}

void facts_print(const struct list *before, const struct list *now)
{
	const char *gone = "";
	for (uint32_t i = 0; i < before->count; i++) {
		const char *fact = before->item[i];
		const size_t domain = length_to(fact, "."), path = length_to(fact, " = ");
		if (has_begin(now, fact, path, " = "))
			continue;
		if (has_begin(now, fact, domain, "."))
			printf("    %.*s not known\n", (int)path, fact);
		else if (strncmp(gone, fact, domain + 1) != 0)
			printf("    %.*s gone\n", (int)domain, gone = fact);
	}
	for (uint32_t i = 0; i < now->count; i++)
		if (!has(before, now->item[i]))
			printf("    %s\n", (const char *)now->item[i]);
}
