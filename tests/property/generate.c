/* A walk over the tables. The rows say nearly everything; what several rows say together stands in special.c.
 * A format that nobody here knows ends the program, so that a new row does not stay untested in silence. */
#include "model/quantity.h"
#include "tests/property/place.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_of(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	return hash;
}

struct place place_below(struct place place, const char *key)
{
	const struct recipe *recipe = place.recipe;
	uint64_t path = random_of(place.key ^ hash_of(key));
	uint64_t number = random_of(place.number ^ hash_of(key));
	bool may = !recipe->among || hash_of(key) % GENERATED_CLASSES == recipe->among - 1;
	if (may && recipe->rate && random_of(number ^ recipe->variation) % 100 < recipe->rate)
		number = random_of(number + recipe->variation);
	return (struct place){recipe, number, path};
}

struct place place_at(struct place place, const char *key, unsigned index)
{
	char text[64];
	snprintf(text, sizeof(text), "%s[%u]", key, index);
	return place_below(place, text);
}

unsigned draw(struct place place, const char *key, unsigned count)
{
	return (unsigned)(place_below(place, key).number % count);
}

bool is_chance(struct place place, const char *key, unsigned one_in)
{
	return draw(place, key, one_in) == 0;
}

static bool is_dropped(const struct recipe *recipe, unsigned bit)
{
	return recipe->dropped & (1U << bit);
}

static unsigned first_bit(const char *kind)
{
	if (strcmp(kind, "Domain") == 0)
		return 0;
	return strcmp(kind, "Volume") == 0 ? GENERATED_DOMAINS : GENERATED_DOMAINS + GENERATED_VOLUMES;
}

struct place place_of(const struct recipe *recipe, const char *kind, unsigned index)
{
	/* objects themselves come and go by their own draw, never by the variation of all below them */
	return (struct place){
		recipe, random_of(recipe->seed ^ random_of(hash_of(kind) + index)), hash_of(kind) + index};
}

bool is_there(const struct recipe *recipe, const char *kind, unsigned index)
{
	return !is_dropped(recipe, first_bit(kind) + index) &&
	       !is_chance(place_of(recipe, kind, index), "absent", 4);
}

bool is_renamed(const struct recipe *recipe, const char *kind, unsigned index)
{
	return strcmp(kind, "Image") != 0 && is_chance(place_of(recipe, kind, index), "renamed", 8);
}

/* d0, or r-d0 where it is renamed. */
void name_of(const struct recipe *recipe, const char *kind, unsigned index, bool former, char out[32])
{
	char letter = strcmp(kind, "Domain") == 0 ? recipe->prefix : strcmp(kind, "Volume") == 0 ? 'v' : 'i';
	bool renamed = !former && is_renamed(recipe, kind, index);
	snprintf(out, 32, "%s%c%u", renamed ? "r-" : "", letter, index);
}

/* Values by shape. */

const char *text_of(struct place place, const struct field *field, char out[96])
{
	static const char *const lines[] = {
		"plain", "console=hvc0 root=/dev/xvda ro", "with \"quotes\", 'others' # and: more", ""};
	static const char *const cpus[] = {"all", "0", "0-1", "2,0", "0-3,^1"};
	const char *format = field->format ? field->format->name : "line";
	unsigned few = draw(place, "few", 3), many = draw(place, "many", 250) + 1;
	if (strcmp(format, "line") == 0)
		return lines[draw(place, "line", 4)];
	if (strcmp(format, "cpus") == 0)
		return cpus[draw(place, "cpus", 5)];
	if (strcmp(format, "bootloader") == 0)
		return "pygrub";
	if (strcmp(format, "listen") == 0)
		return few ? "127.0.0.1" : "::1";
	if (strcmp(format, "bridge") == 0)
		return is_chance(place, "nowhere", 40) ? "nowhere" : few ? "xenbr0" : "xenbr1";
	if (strcmp(format, "path") == 0)
		snprintf(out, 96, "/boot/file-%u", few);
	else if (strcmp(format, "ip") == 0)
		snprintf(out, 96, "10.%u.%u.%u", many, draw(place, "low", 250), few);
	else if (strcmp(format, "mac") == 0)
		snprintf(out, 96, "00:16:3E:%02x:%02X:%02x", many, draw(place, "low", 250), few);
	else if (strcmp(format, "sha256") == 0)
		snprintf(out, 96, "%064" PRIx64, place.number);
	else if (strcmp(format, "uuid") == 0)
		snprintf(out, 96, "%08x-0000-4000-8000-%012" PRIx64, few, place.number >> 16);
	else {
		fprintf(stderr, "property: no values of format '%s' (field %s): add some to %s\n", format,
			field->key, __FILE__);
		abort();
	}
	return out;
}

static int64_t integer_of(struct place place, const struct field *field)
{
	int64_t least = field->max ? field->min : 0, most = field->max ? field->max : 1000;
	const int64_t likely[] = {least, most, least + 1, least + (int64_t)(place.number % 8),
		least + (int64_t)(place.number % 300)};
	int64_t value = likely[draw(place, "likely", 5)];
	return value > most ? most : value;
}

void size_write(struct json *json, const char *key, int64_t bytes)
{
	char text[32];
	json_text(json, key, size_text(bytes, text));
}

int64_t size_of(struct place place, const struct field *field)
{
	int64_t multiple = field->multiple ? field->multiple : MiB;
	int64_t size = field->min + multiple * (int64_t)(place.number % 64);
	if (is_chance(place, "round", 2))
		size = (int64_t)(1 + place.number % 4) * 512 * MiB;
	return size < field->min ? field->min : size;
}

static void map_write(struct json *json, const char *key, struct place place)
{
	json_open_object(json, key);
	if (is_chance(place, "integer", 2))
		json_int(json, "nestedhvm", (int64_t)draw(place, "value", 2));
	if (is_chance(place, "boolean", 3))
		json_bool(json, "localtime", draw(place, "truth", 2));
	if (is_chance(place, "text", 3))
		json_text(json, "timer_mode", is_chance(place, "word", 2) ? "1 x" : "delay_for_missed");
	if (is_chance(place, "list", 4)) {
		json_open_array(json, "spice_opts");
		for (unsigned i = 0; i < draw(place, "length", 3); i++)
			json_text(json, NULL, i ? "b" : "a");
		json_close(json, ']');
	}
	json_close(json, '}');
}

void value_write(struct json *json, const char *key, const struct field *field, struct place place,
	struct scope *scope)
{
	char text[96];
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		json_text(json, key, text_of(place, field, text));
		break;
	case SHAPE_Int:
		json_int(json, key, integer_of(place, field));
		break;
	case SHAPE_Duration:
		json_text(json, key, duration_text(1 + (int64_t)(place.number % 120), text));
		break;
	case SHAPE_Bool:
		json_bool(json, key, place.number & 1);
		break;
	case SHAPE_Size:
		size_write(json, key, size_of(place, field));
		break;
	case SHAPE_Choice: {
		size_t count = choice_count(field->choices);
		if (field->later_from)
			count = (size_t)field->later_from;
		json_text(json, key, field->choices[place.number % count]);
		break;
	}
	case SHAPE_One:
		object_write(json, key, field->of, place, scope);
		break;
	case SHAPE_Many:
	case SHAPE_Texts:
		json_open_array(json, key);
		for (unsigned i = 0; i < (unsigned)field->at_least + draw(place, "count", 3); i++) {
			if (field->shape == SHAPE_Many)
				object_write(json, NULL, field->of, place_at(place, "", i), scope);
			else
				json_text(json, NULL, text_of(place_at(place, "", i), field, text));
		}
		json_close(json, ']');
		break;
	case SHAPE_Map:
		map_write(json, key, place);
		break;
	}
}

void object_write(
	struct json *json, const char *key, const struct type *type, struct place place, struct scope *scope)
{
	json_open_object(json, key);
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		struct place below = place_below(place, field->key);
		if (field->role == ROLE_OBSERVED || field->later)
			continue;
		const struct special *special = special_of(type, field);
		if (special)
			special->write(json, field, below, scope);
		else if (field->required || is_chance(below, "there", 3))
			value_write(json, field->key, field, below, scope);
	}
	json_close(json, '}');
}

static void document_write(const struct recipe *recipe, enum kind kind_, unsigned index, struct buffer *out)
{
	const char *word = kind_name[kind_];
	struct scope scope = {
		.recipe = recipe, .kind = word, .index = index, .object = place_of(recipe, word, index)};
	if (!is_there(recipe, word, index))
		return;
	scope.type = type_of(&scope);
	scope.has_disks = !is_chance(scope.object, "diskless", 4);
	struct json json = json_to_buffer(out, true);
	object_write(&json, NULL, kind_type(kind_), scope.object, &scope);
	json_end(&json);
	buffer_text(out, "---\n");
}

void generate_manifests(const struct recipe *recipe, struct buffer *out)
{
	buffer_text(out, "---\n");
	for (unsigned i = 0; i < GENERATED_IMAGES; i++)
		document_write(recipe, KIND_IMAGE, i, out);
	for (unsigned i = 0; i < GENERATED_VOLUMES; i++)
		document_write(recipe, KIND_VOLUME, i, out);
	for (unsigned i = 0; i < GENERATED_DOMAINS; i++)
		document_write(recipe, KIND_DOMAIN, i, out);
}
