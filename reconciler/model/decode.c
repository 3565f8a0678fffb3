/* The one decoder: nodes in, typed objects out, driven by the tables alone. A field that decodes gets its
 * value and its mark; one that does not gets a diagnostic and, in a manifest, the mark `mark_broken`, so that
 * nobody reports it missing as well. Strictly (manifests) every key must be known and every scalar be what
 * its field says; leniently (observations, records) what is not known is let pass, because a newer writer may
 * have put it there. */
#include "model/decoding.h"
#include <string.h>

const struct mark mark_broken = {0};

enum { ITEMS_MOST = 4096 }; /* of a list in a manifest: each is compared with all others */

static bool field_value_decode(
	struct decoder *, const struct place *, const struct field *, const struct node *, void *);

/* Did-you-mean for a key: the spellings that the author may use here. The field that was meant counts as
 * being there. */
static bool key_unknown(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *key, void *object)
{
	/* no text at all, and the merge key: the reader has refused them */
	if (key->kind != NODE_SCALAR || (strcmp(key->text, "<<") == 0 && !key->quoted))
		return false;
	const char *known[64];
	size_t count = 0;
	for (int i = 0; i < type->count && count < 64; i++)
		if (type->fields[i].role != ROLE_OBSERVED)
			known[count++] = type->fields[i].key;
	BUFFER_SCOPED where = {0};
	decode_place(place, &where);
	const char *hint = NULL, *nearest = text_nearest(key->text, known, count);
	if (!place->up && strcmp(key->text, "status") == 0) {
		hint = "leave it out: status is what xensteer says, not what it reads";
	} else if (nearest) {
		hint = arena_format(decoder->arena, "did you mean '%s'?", nearest);
		const struct mark **mark = field_mark(type, type_index(type, nearest), object);
		if (!*mark)
			*mark = &mark_broken;
	}
	return report_error(decoder->report, &key->mark, decoder->options->object, hint,
		"unknown key %s in %s%s%s", decode_found(decoder, key), decoder->root->name,
		where.size ? " " : "", buffer_string(&where));
}

/* Siblings: exactly one of ONE_OF, WITH only beside, EXCLUDES never beside. */
static bool siblings_judge(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *node, const void *object)
{
	bool good = true;
	int chosen = -1;
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const struct mark *at = *field_mark(type, i, object);
		if (field->role == ROLE_OBSERVED)
			continue;
		if (!at)
			continue;
		struct node here = {.mark = at == &mark_broken ? node->mark : *at};
		struct place inside = {.up = place, .key = field->key};
		int other = field->with ? type_index(type, field->with) : -1;
		if (other >= 0 && !*field_mark(type, other, object))
			good = decode_wrong(
				decoder, &inside, &here, NULL, "makes sense only beside %s", field->with);
		other = field->excludes ? type_index(type, field->excludes) : -1;
		if (other >= 0 && *field_mark(type, other, object))
			good = decode_wrong(decoder, place, &here, "leave one of them out",
				"%s and %s exclude each other", field->key, field->excludes);
		if (type->one_of && !field->with) {
			if (chosen >= 0)
				good = decode_wrong(decoder, place, &here,
					type->shorthand ? "leave one of them out"
							: "begin each with a '- ' of its own",
					"%s and %s exclude each other", type->fields[chosen].key, field->key);
			chosen = i;
		}
	}
	if (!good || !type->one_of || chosen >= 0)
		return good;
	BUFFER_SCOPED words = {0};
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].role != ROLE_OBSERVED && !type->fields[i].with)
			buffer_format(&words, "%s%s", words.size ? ", " : "", type->fields[i].key);
	return decode_wrong(decoder, place, node, NULL, "expected exactly one of %s", buffer_string(&words));
}

/* `key`: the node of its key, NULL for a shorthand. Scalars are marked at their value, all else at its key.
 */
static bool field_decode(struct decoder *decoder, const struct place *place, const struct type *type,
	int index, const struct node *key, const struct node *node, void *object)
{
	const struct field *field = &type->fields[index];
	const struct mark **mark = field_mark(type, index, object);
	struct place inside = {.up = place, .key = key ? field->key : NULL};
	if (node->kind == NODE_NULL) {
		if (!is_strict(decoder)) {
			/* an object that is known not to be there: {"graphics": null} */
			if (field->shape == SHAPE_One)
				*mark = decode_mark(decoder, key);
			return true;
		}
		*mark = &mark_broken;
		return decode_wrong(decoder, &inside, node,
			field->shape == SHAPE_One ? "leave the key out, or write {}" : "leave the key out",
			"null is no value");
	}
	if (field_value_decode(decoder, &inside, field, node, field_value(field, object))) {
		*mark = decode_mark(decoder, key && node->kind != NODE_SCALAR ? key : node);
		return true;
	}
	/* an earlier value of the same key is no longer to be believed, either */
	*mark = is_strict(decoder) ? &mark_broken : NULL;
	return false;
}

/* Fills `object` with what decodes; false if anything did not. */
static bool object_decode(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *node, void *object)
{
	bool good = true;
	if (node->kind != NODE_MAPPING)
		return field_decode(
			decoder, place, type, type_index(type, type->shorthand), NULL, node, object);
	for (uint32_t i = 0; i < node->count; i += 2) {
		const struct node *key = node->item[i];
		int index = key->kind == NODE_SCALAR ? type_index(type, key->text) : -1;
		bool known = index >= 0 && !(is_strict(decoder) && type->fields[index].role == ROLE_OBSERVED);
		if (known)
			good &= field_decode(decoder, place, type, index, key, node->item[i + 1], object);
		else if (is_strict(decoder))
			good = key_unknown(decoder, place, type, key, object);
	}
	if (is_strict(decoder) && (good || !type->one_of))
		good &= siblings_judge(decoder, place, type, node, object);
	return good;
}

/* Can a node stand for an object of the type at all? */
static bool is_object(const struct type *type, const struct node *node)
{
	return node->kind == NODE_MAPPING || (node->kind == NODE_SCALAR && type->shorthand);
}

/* The text of a map's member, before anything is decoded. */
static const char *member_text(const struct node *node, const char *key)
{
	for (uint32_t i = 0; key && node->kind == NODE_MAPPING && i < node->count; i += 2)
		if (node->item[i]->kind == NODE_SCALAR && strcmp(node->item[i]->text, key) == 0)
			return node->item[i + 1]->kind == NODE_SCALAR ? node->item[i + 1]->text : NULL;
	return NULL;
}

/* Two items of a keyed list with one key: said at both. */
static void keys_judge(
	struct decoder *decoder, const struct place *place, const struct type *type, const struct list *list)
{
	int index = type_index(type, type->key);
	for (uint32_t i = 1; i < list->count; i++) {
		const struct mark *second = *field_mark(type, index, list->item[i]);
		const char *key = *(const char **)field_value(&type->fields[index], list->item[i]);
		for (uint32_t j = 0; second && second != &mark_broken && j < i; j++) {
			const struct mark *first = *field_mark(type, index, list->item[j]);
			const char *other = *(const char **)field_value(&type->fields[index], list->item[j]);
			if (!first || first == &mark_broken || strcmp(key, other) != 0)
				continue;
			struct node here = {.mark = *first}, there = {.mark = *second};
			decode_wrong(decoder, place, &here,
				arena_format(decoder->arena, "also at %s", mark_text(decoder->arena, second)),
				"%s '%s' stands here twice", type->key, key);
			decode_wrong(decoder, place, &there,
				arena_format(decoder->arena, "also at %s", mark_text(decoder->arena, first)),
				"%s '%s' stands here twice", type->key, key);
			break;
		}
	}
}

static bool many_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, struct list *out)
{
	if (node->kind != NODE_SEQUENCE)
		return decode_unexpected(decoder, place, field, node,
			node->kind == NODE_MAPPING ? "begin each item with '- '" : NULL);
	if (is_strict(decoder) && node->count > ITEMS_MOST)
		return decode_wrong(decoder, place, node, NULL, "%u items: at most %d are allowed",
			node->count, ITEMS_MOST);
	*out = (struct list){.item = arena_array(decoder->arena, void *, node->count), .room = node->count};
	for (uint32_t i = 0; i < node->count; i++) {
		const struct node *item = node->item[i];
		struct place inside = *place;
		if (is_strict(decoder))
			inside.item = member_text(item, field->of->key);
		if (!is_object(field->of, item)) {
			decode_wrong(decoder, place, item, NULL, "each item is %s, found %s",
				field->of->shorthand ? "a map or a single value" : "a map",
				decode_found(decoder, item));
			continue;
		}
		void *object = type_new(decoder->arena, field->of);
		object_decode(decoder, &inside, field->of, item, object);
		out->item[out->count++] = object;
	}
	if (!is_strict(decoder))
		return true;
	if (field->of->key)
		keys_judge(decoder, place, field->of, out);
	if (node->count < (uint32_t)field->at_least)
		return decode_wrong(decoder, place, node, NULL, "expected at least %d item%s",
			field->at_least, field->at_least == 1 ? "" : "s");
	/* what did decode stays and is judged on: each item has said itself what is wrong with it */
	return true;
}

static bool field_value_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, void *out)
{
	if (field->shape == SHAPE_Many)
		return many_decode(decoder, place, field, node, out);
	if (field->shape != SHAPE_One)
		return decode_value(decoder, place, field, node, out);
	if (!is_object(field->of, node))
		return decode_unexpected(decoder, place, field, node, NULL);
	*(void **)out = type_new(decoder->arena, field->of);
	/* as in lists: the parts have spoken for themselves */
	object_decode(decoder, place, field->of, node, *(void **)out);
	return true;
}

void *decode(struct arena *arena, const struct type *type, const struct node *node,
	const struct decode_options *options, struct report *report)
{
	struct decoder decoder = {.arena = arena, .options = options, .report = report, .root = type};
	struct place root = {0};
	if (!is_object(type, node)) {
		decode_wrong(&decoder, &root, node, NULL, "expected a map, found %s",
			decode_found(&decoder, node));
		return NULL;
	}
	void *object = type_new(arena, type);
	object_decode(&decoder, &root, type, node, object);
	return object;
}
