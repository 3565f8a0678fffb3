/* A walk over the tables. The rows say nearly everything; what several rows say together (a limit above what
 * it limits, a boot that fits the type, names that must differ) stands in a table of special places below. A
 * format that nobody here knows ends the program, so that a new row does not stay untested in silence. */
#include "tests/property/generate.h"
#include "base/json.h"
#include "model/quantity.h"
#include "model/schema.h"
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

/* A place in the tree: its random number, which all below follows from. */
struct place {
	const struct recipe *recipe;
	uint64_t number, key; /* `key` follows from the path alone */
};

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	return hash;
}

static struct place place_below(struct place place, const char *key)
{
	const struct recipe *recipe = place.recipe;
	uint64_t path = random_of(place.key ^ hash_of(key));
	uint64_t number = random_of(place.number ^ hash_of(key));
	bool may = !recipe->among || hash_of(key) % GENERATED_CLASSES == recipe->among - 1;
	if (may && recipe->rate && random_of(number ^ recipe->variation) % 100 < recipe->rate)
		number = random_of(number + recipe->variation);
	return (struct place){recipe, number, path};
}

static struct place place_at(struct place place, const char *key, unsigned index)
{
	char text[64];
	snprintf(text, sizeof(text), "%s[%u]", key, index);
	return place_below(place, text);
}

/* 0 to count - 1; each key of a place draws anew. */
static unsigned draw(struct place place, const char *key, unsigned count)
{
	return (unsigned)(place_below(place, key).number % count);
}

static bool is_chance(struct place place, const char *key, unsigned one_in)
{
	return draw(place, key, one_in) == 0;
}

/* What the special places have to know of the object that they stand in. */
struct scope {
	const struct recipe *recipe;
	const char *kind;
	unsigned index; /* of the object within its kind */
	struct place object;
	enum domain_type type;
	bool has_disks;
};

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

static struct place place_of(const struct recipe *recipe, const char *kind, unsigned index)
{
	/* objects themselves come and go by their own draw, never by the variation of all below them */
	return (struct place){
		recipe, random_of(recipe->seed ^ random_of(hash_of(kind) + index)), hash_of(kind) + index};
}

static bool is_there(const struct recipe *recipe, const char *kind, unsigned index)
{
	return !is_dropped(recipe, first_bit(kind) + index) &&
	       !is_chance(place_of(recipe, kind, index), "absent", 4);
}

static bool is_renamed(const struct recipe *recipe, const char *kind, unsigned index)
{
	return strcmp(kind, "Image") != 0 && is_chance(place_of(recipe, kind, index), "renamed", 8);
}

/* d0, or r-d0 where it is renamed. */
static void name_of(const struct recipe *recipe, const char *kind, unsigned index, bool former, char out[32])
{
	char letter = strcmp(kind, "Domain") == 0 ? recipe->prefix : strcmp(kind, "Volume") == 0 ? 'v' : 'i';
	bool renamed = !former && is_renamed(recipe, kind, index);
	snprintf(out, 32, "%s%c%u", renamed ? "r-" : "", letter, index);
}

/* Values by shape. */

static const char *text_of(struct place place, const struct field *field, char out[96])
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

static void size_write(struct json *json, const char *key, int64_t bytes)
{
	char text[32];
	json_text(json, key, size_text(bytes, text));
}

/* Below 2 GiB, so that some volumes and guests fit into any host. */
static int64_t size_of(struct place place, const struct field *field)
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

static void object_write(
	struct json *json, const char *key, const struct type *type, struct place place, struct scope *scope);

static void value_write(struct json *json, const char *key, const struct field *field, struct place place,
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

/* Special places: true where the field is dealt with (also where it is left out). */

static bool api_version(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place, (void)scope;
	json_text(json, field->key, "xensteer/v1");
	return true;
}

static bool kind(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	json_text(json, field->key, scope->kind);
	return true;
}

static bool name(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	(void)place;
	name_of(scope->recipe, scope->kind, scope->index, false, text);
	json_text(json, field->key, text);
	return true;
}

static bool renamed_from(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	(void)place;
	name_of(scope->recipe, scope->kind, scope->index, true, text);
	if (is_renamed(scope->recipe, scope->kind, scope->index))
		json_text(json, field->key, text);
	return true;
}

/* An identity of its own: two objects of one number would be refused. */
static bool uid(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[96];
	bool given = strcmp(scope->kind, "Image") != 0 && is_chance(scope->object, "uid", 10);
	if (given)
		json_text(json, field->key, text_of(place, field, text));
	return true;
}

static bool protect(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)scope;
	if (is_chance(place, "protect", 12))
		json_bool(json, field->key, true);
	return true;
}

static bool elsewhere(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	if (strcmp(scope->kind, "Domain") == 0 && is_chance(place, "elsewhere", 12))
		json_text(json, field->key, is_chance(place, "here", 2) ? "sim" : "other");
	return true;
}

static bool domain_name(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	if (!is_chance(place, "named", 6))
		return true;
	snprintf(text, sizeof(text), "Xen_%c%u", scope->recipe->prefix, scope->index);
	json_text(json, field->key, is_chance(place, "taken", 8) ? "hand-0" : text);
	return true;
}

static bool limits(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	struct place of = place_below(scope->object, field->key);
	bool limit = field->key[0] == 'm' && field->key[1] == 'a';
	bool is_memory = strstr(field->key, "emory") != NULL;
	int64_t most = is_memory ? (1 + (int64_t)draw(scope->object, "most", 8)) * 128 * MiB
				 : 1 + (int64_t)draw(scope->object, "mostVcpus", 6);
	(void)place;
	if (limit ? !is_chance(of, "limit", 2) : !field->required && is_chance(of, "default", 3))
		return true;
	int64_t value = limit ? most : 1 + (int64_t)(of.number % (uint64_t)most);
	if (is_memory && !limit)
		value = value < field->min ? field->min : value / MiB * MiB;
	if (is_memory)
		size_write(json, field->key, value < 4 * MiB ? 4 * MiB : value);
	else
		json_int(json, field->key, value);
	return true;
}

static enum domain_type type_of(const struct scope *scope)
{
	return (enum domain_type)draw(scope->object, "type", domain_type_CHOICES);
}

static bool type_written(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	if (scope->type != domain_type_pv || is_chance(scope->object, "said", 2))
		json_text(json, field->key, field->choices[scope->type]);
	return true;
}

static bool boot(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	bool hvm = scope->type == domain_type_hvm;
	char text[96];
	if (hvm && is_chance(place, "none", 2))
		return true;
	json_open_object(json, field->key);
	if (!hvm && scope->has_disks && is_chance(place, "bootloader", 3)) {
		json_text(json, "bootloader", "pygrub");
	} else {
		json_text(json, "kernel",
			text_of(place_below(place, "kernel"), &type_Boot.fields[Boot_kernel], text));
		if (is_chance(place, "ramdisk", 2))
			json_text(json, "ramdisk",
				text_of(place_below(place, "initrd"), &type_Boot.fields[Boot_ramdisk], text));
	}
	if (is_chance(place, "cmdline", 2))
		json_text(json, "cmdline",
			text_of(place_below(place, "line"), &type_Boot.fields[Boot_cmdline], text));
	json_close(json, '}');
	return true;
}

/* A chain that is another one than that of the volume that is there blocks all that uses it: seldom. */
static struct place chain_place(struct place place)
{
	static const struct recipe unvaried = {.rate = 0};
	struct place fixed = {&unvaried, random_of(place.recipe->seed ^ place.key), place.key};
	return is_chance(place, "remade", 8) ? place : fixed;
}

/* Chains that can be made: an image alone is only read. */
static bool chain_is_read_only(struct place place)
{
	return draw(chain_place(place), "chain", 8) == 0;
}

static void layer_write(struct json *json, const char *layer, struct place place, struct scope *scope)
{
	const struct field *field = type_field(&type_Layer, layer);
	json_open_object(json, NULL);
	object_write(json, layer, field->of, place_below(place, layer), scope);
	json_close(json, '}');
}

static void image_write(struct json *json, struct place place)
{
	char text[32];
	name_of(place.recipe, "Image", draw(place, "image", GENERATED_IMAGES), false, text);
	json_open_object(json, NULL);
	json_text(json, "image", text);
	json_close(json, '}');
}

static void chain_write(struct json *json, const char *key, struct place place, struct scope *scope)
{
	place = chain_place(place);
	unsigned drawn = draw(place, "chain", 8);
	json_open_array(json, key);
	if (drawn <= 4)
		image_write(json, place);
	else
		layer_write(json, "file", place, scope);
	if (drawn >= 1 && drawn <= 5)
		layer_write(json, "overlay", place, scope);
	json_close(json, ']');
}

static bool chain(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	chain_write(json, field->key, place, scope);
	return true;
}

/* A declared volume is written by one domain, or read by all. */
static bool volume_use(const struct recipe *recipe, unsigned volume, unsigned domain, bool *writes)
{
	struct place place = place_of(recipe, "Volume", volume);
	struct place spec = place_below(place_below(place, "spec"), "chain");
	bool read_only = chain_is_read_only(spec) || is_chance(place, "shared", 4);
	*writes = !read_only;
	if (!is_there(recipe, "Volume", volume))
		return false;
	return read_only ? is_chance(place_at(place, "reader", domain), "reads", 2)
			 : draw(place, "writer", GENERATED_DOMAINS + 1) == domain;
}

static const char *vdev_of(const struct scope *scope, unsigned slot, char out[16])
{
	bool emulated = scope->type == domain_type_hvm && slot % 3 == 2;
	snprintf(out, 16, "%s%c", emulated ? "hd" : "xvd", 'a' + slot);
	return out;
}

static bool disks(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	unsigned slot = 0;
	json_open_array(json, field->key);
	for (unsigned i = 0; i < 3; i++, slot++) {
		struct place disk = place_at(place, "disk", i);
		struct place chain_place = place_below(place_below(disk, "volume"), "chain");
		if (i ? !is_chance(disk, "there", 3) : !scope->has_disks)
			continue;
		json_open_object(json, NULL);
		json_text(json, "vdev", vdev_of(scope, slot, text));
		json_open_object(json, "volume");
		chain_write(json, "chain", chain_place, scope);
		if (is_chance(disk, "reclaim", 2))
			json_text(json, "reclaim", is_chance(disk, "keeps", 3) ? "Retain" : "Delete");
		json_close(json, '}');
		if (chain_is_read_only(chain_place) || is_chance(disk, "access", 4))
			json_text(json, "access",
				chain_is_read_only(chain_place) || is_chance(disk, "ro", 2) ? "ro" : "rw");
		json_close(json, '}');
	}
	for (unsigned i = 0; i < GENERATED_VOLUMES; i++, slot++) {
		bool writes;
		if (!volume_use(scope->recipe, i, scope->index, &writes))
			continue;
		json_open_object(json, NULL);
		json_text(json, "vdev", vdev_of(scope, slot, text));
		name_of(scope->recipe, "Volume", i, false, text);
		json_text(json, "volume", text);
		json_text(json, "access", writes ? "rw" : "ro");
		json_close(json, '}');
	}
	json_close(json, ']');
	return true;
}

/* Each nic by its name; their order is drawn too, because it must not matter. */
static bool nics(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	unsigned turn = draw(place, "turn", 3);
	json_open_array(json, field->key);
	for (unsigned i = 0; i < 3; i++) {
		unsigned number = (i + turn) % 3;
		struct place nic = place_at(place, "nic", number);
		if (!is_chance(nic, "there", 2))
			continue;
		char text[16];
		snprintf(text, sizeof(text), "eth%u", number);
		json_open_object(json, NULL);
		json_text(json, "name", text);
		for (int k = 0; k < type_Nic.count; k++) {
			const struct field *row = &type_Nic.fields[k];
			if (row->role == ROLE_OBSERVED || k == Nic_name || !is_chance(nic, row->key, 3))
				continue;
			value_write(json, row->key, row, place_below(nic, row->key), scope);
		}
		json_close(json, '}');
	}
	json_close(json, ']');
	return true;
}

static bool port(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	json_int(json, field->key,
		field->min + (int64_t)scope->index + (is_chance(place, "other", 4) ? 50 : 0));
	return true;
}

static bool left_out(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)json, (void)field, (void)place, (void)scope;
	return true;
}

/* A file that becomes another one blocks what stands on it: seldom. */
static bool image_path(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[48];
	snprintf(text, sizeof(text), "image-%u%s", scope->index, is_chance(place, "other", 30) ? "-b" : "");
	json_text(json, field->key, text);
	return true;
}

static bool image_format(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	json_text(json, field->key, field->choices[scope->index % 2]);
	return true;
}

static bool digest(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[96];
	struct place fixed = {scope->recipe, random_of(scope->recipe->seed + scope->index), 0};
	if (is_chance(fixed, "digest", 2))
		json_text(json, field->key,
			text_of(is_chance(place, "other", 20) ? place : fixed, field, text));
	return true;
}

typedef bool special_function(struct json *, const struct field *, struct place, struct scope *);
static const struct special {
	const char *type, *key;
	special_function *write;
} specials[] = {
	{"", "apiVersion", api_version},
	{"", "kind", kind},
	{"Metadata", "name", name},
	{"Metadata", "renamedFrom", renamed_from},
	{"Metadata", "uid", uid},
	{"Metadata", "protect", protect},
	{"Metadata", "host", elsewhere},
	{"DomainSpec", "domainName", domain_name},
	{"DomainSpec", "type", type_written},
	{"DomainSpec", "memory", limits},
	{"DomainSpec", "maxMemory", limits},
	{"DomainSpec", "vcpus", limits},
	{"DomainSpec", "maxVcpus", limits},
	{"DomainSpec", "boot", boot},
	{"DomainSpec", "disks", disks},
	{"DomainSpec", "nics", nics},
	{"DomainSpec", "events", left_out}, /* they need supervision: xl */
	{"VolumeSpec", "chain", chain},
	{"Vnc", "port", port},
	{"ImageSpec", "path", image_path},
	{"ImageSpec", "format", image_format},
	{"ImageSpec", "sha256", digest},
};

static special_function *special_of(const struct type *type, const struct field *field)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (strcmp(specials[i].key, field->key) == 0 &&
			(!*specials[i].type || strcmp(specials[i].type, type->name) == 0))
			return specials[i].write;
	return NULL;
}

static void object_write(
	struct json *json, const char *key, const struct type *type, struct place place, struct scope *scope)
{
	json_open_object(json, key);
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		struct place below = place_below(place, field->key);
		if (field->role == ROLE_OBSERVED || field->later)
			continue;
		special_function *special = special_of(type, field);
		if (special)
			special(json, field, below, scope);
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
