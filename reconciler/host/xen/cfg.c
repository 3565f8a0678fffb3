/* The xl.cfg of a domain: typed fields in, text out, in one fixed order. Two kinds of values enter the text,
 * and each has one gate: strings, which are escaped, and the comma lists of disk, vif and vfb, for which xl
 * has no escape and which therefore take only listed characters. */
#include "host/xen/cfg.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum { MIB = 1 << 20, VNC_FIRST_PORT = 5900 };

struct cfg {
	struct buffer *out;
	char **error; /* NULL target: all is well so far */
};

static void __attribute__((format(printf, 2, 3))) fail(struct cfg *cfg, const char *format, ...)
{
	if (*cfg->error)
		return;
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	struct buffer message = {0};
	buffer_escaped(&message, text, strlen(text), sizeof(text));
	*cfg->error = message.text;
}

/* A text in double quotes. Backslash, quote and newline have an escape; other control characters have none
 * that xl reads back, and bytes that are no UTF-8 break its JSON. */
static void quoted(struct cfg *cfg, const char *key, const char *text)
{
	if (!text_utf8(text, strlen(text)))
		fail(cfg, "%s is not UTF-8", key);
	buffer_char(cfg->out, '"');
	for (; *text; text++) {
		if (*text == '\n')
			buffer_text(cfg->out, "\\n");
		else if ((unsigned char)*text < ' ' || *text == 0x7f)
			fail(cfg, "%s holds a control character", key);
		else if (*text == '"' || *text == '\\')
			buffer_format(cfg->out, "\\%c", *text);
		else
			buffer_char(cfg->out, *text);
	}
	buffer_char(cfg->out, '"');
}

static void text_line(struct cfg *cfg, const char *key, const char *text)
{
	buffer_format(cfg->out, "%s=", key);
	quoted(cfg, key, text);
	buffer_char(cfg->out, '\n');
}

static void number_line(struct cfg *cfg, const char *key, int64_t number)
{
	buffer_format(cfg->out, "%s=%" PRId64 "\n", key, number);
}

/* A part of a comma list; false and an error where it holds anything but `allowed`. */
static bool part(struct cfg *cfg, const char *what, const char *text, const char *allowed)
{
	if (text && *text && !text[strspn(text, allowed)])
		return true;
	fail(cfg, "%s '%s' holds a character that xl cannot take there", what, text ? text : "");
	return false;
}

static bool is_set(const char *text)
{
	return text && *text;
}

static void write_boot(struct cfg *cfg, const struct Boot *boot)
{
	if (!boot)
		return;
	if (is_set(boot->kernel))
		text_line(cfg, "kernel", boot->kernel);
	if (is_set(boot->ramdisk))
		text_line(cfg, "ramdisk", boot->ramdisk);
	if (is_set(boot->bootloader))
		text_line(cfg, "bootloader", boot->bootloader);
	if (is_set(boot->cmdline))
		text_line(cfg, "cmdline", boot->cmdline);
}

static void write_scheduler(struct cfg *cfg, const struct Scheduler *scheduler)
{
	if (!scheduler)
		return;
	if (scheduler->at[Scheduler_weight])
		number_line(cfg, "cpu_weight", scheduler->weight);
	if (scheduler->at[Scheduler_cap])
		number_line(cfg, "cap", scheduler->cap);
}

/* The target stands last: xl takes everything behind it for the path. A qcow2 is served by QEMU; the rest xl
 * decides itself. */
static void write_disk(struct cfg *cfg, const struct Disk *disk, const struct link *link)
{
	if (!part(cfg, "vdev", disk->vdev, ALNUM))
		return;
	if (!link || !link->path) {
		fail(cfg, "disk %s: its volume is not there", disk->vdev);
		return;
	}
	if (!part(cfg, "disk target", link->path, ALNUM "_/.+=@%~-"))
		return;
	if (*link->path != '/')
		fail(cfg, "disk %s: its path %s is not absolute", disk->vdev, link->path);
	if (disk->device != device_disk)
		fail(cfg, "disk %s: only plain disks are supported", disk->vdev);
	/* xl create would say 0, and the guest would run without the disk (docs/xen.md) */
	if (link->format == disk_format_qcow2 && disk->access == access_ro)
		fail(cfg,
			"disk %s: QEMU 7.2 cannot open a qcow2 read-only for a guest: give it a raw file, or "
			"access: rw",
			disk->vdev);
	buffer_format(cfg->out, "format=%s,vdev=%s,access=%s,%starget=%s", choice_disk_format[link->format],
		disk->vdev, choice_access[disk->access],
		link->format == disk_format_qcow2 ? "backendtype=qdisk," : "", link->path);
}

const struct link *cfg_drive(const struct wanted_domain *domain, const struct links *links)
{
	return domain->config ? links_find(links, domain->config->volume.uid) : NULL;
}

static void write_disks(struct cfg *cfg, const struct wanted_domain *domain, const struct links *links)
{
	buffer_text(cfg->out, "disk=[");
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *wanted = domain->disks.item[i];
		buffer_text(cfg->out, i ? ",\"" : "\"");
		write_disk(cfg, wanted->disk, wanted->volume ? links_find(links, wanted->volume->uid) : NULL);
		buffer_char(cfg->out, '"');
	}
	const struct link *drive = cfg_drive(domain, links);
	if (drive) {
		buffer_text(cfg->out, domain->disks.count ? ",\"" : "\"");
		write_disk(cfg, domain->config->disk, drive);
		buffer_char(cfg->out, '"');
	}
	buffer_text(cfg->out, "]\n");
}

static bool nic_fits(struct cfg *cfg, const struct Nic *nic)
{
	return part(cfg, "mac", nic->mac, "0123456789abcdefABCDEF:") &&
	       part(cfg, "bridge", nic->bridge, ALNUM "_.-") &&
	       (!is_set(nic->ip) || part(cfg, "ip", nic->ip, "0123456789abcdefABCDEF:./"));
}

static void write_nics(struct cfg *cfg, const struct list *nics)
{
	buffer_text(cfg->out, "vif=[");
	for (uint32_t i = 0; i < nics->count; i++) {
		const struct Nic *nic = nics->item[i];
		if (!nic_fits(cfg, nic))
			return;
		buffer_format(cfg->out, "%s\"mac=%s,bridge=%s", i ? "," : "", nic->mac, nic->bridge);
		if (is_set(nic->ip))
			buffer_format(cfg->out, ",ip=%s", nic->ip);
		buffer_char(cfg->out, '"');
	}
	buffer_text(cfg->out, "]\n");
}

static void write_graphics(struct cfg *cfg, const struct DomainSpec *spec)
{
	const struct Vnc *vnc = spec->graphics ? spec->graphics->vnc : NULL;
	const bool hvm = spec->type == domain_type_hvm;
	if (!vnc && hvm)
		number_line(cfg, "vnc", 0); /* libxl's default is a screen on any address that is free */
	if (!vnc)
		return;
	const char *listen = vnc->listen ? vnc->listen : "127.0.0.1";
	const int64_t display = vnc->port - VNC_FIRST_PORT;
	if (!part(cfg, "graphics.vnc.listen", listen, "0123456789abcdefABCDEF:."))
		return;
	if (!hvm) {
		buffer_format(cfg->out,
			"vfb=[\"type=vnc,vnclisten=%s,vncdisplay=%" PRId64 ",vncunused=0\"]\n", listen,
			display);
		return;
	}
	number_line(cfg, "vnc", 1);
	text_line(cfg, "vnclisten", listen);
	number_line(cfg, "vncdisplay", display);
	number_line(cfg, "vncunused", 0);
	number_line(cfg, "sdl", 0);
}

/* Unless told otherwise xl's monitor restarts a guest that reboots, and keeps one that ended, so that the
 * next pass sees why. */
static void write_events(struct cfg *cfg, const struct Events *events)
{
	static const struct Events none;
	if (!events)
		events = &none;
	const char *const *choice = choice_event_action;
	text_line(cfg, "on_poweroff",
		choice[events->at[Events_poweroff] ? events->poweroff : event_action_preserve]);
	text_line(
		cfg, "on_reboot", choice[events->at[Events_reboot] ? events->reboot : event_action_restart]);
	text_line(cfg, "on_crash", choice[events->at[Events_crash] ? events->crash : event_action_preserve]);
	text_line(cfg, "on_watchdog",
		choice[events->at[Events_watchdog] ? events->watchdog : event_action_preserve]);
}

/* Keys that a field of the manifest stands for: xl lets the last of two lines win, so a second one would undo
 * it. */
static bool is_ours(const char *key)
{
	static const char *const keys[] = {"name", "uuid", "type", "builder", "vcpus", "maxvcpus", "memory",
		"maxmem", "kernel", "ramdisk", "bootloader", "cmdline", "extra", "root", "cpus", "cpu_weight",
		"cap", "disk", "vif", "vfb", "vnc", "vnclisten", "vncdisplay", "vncunused", "sdl",
		"on_poweroff", "on_reboot", "on_crash", "on_watchdog"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* xl's numbers have no sign: a negative one is written as text, which it converts. */
static void write_value(struct cfg *cfg, const char *key, const struct value *value)
{
	switch (value->kind) {
	case VALUE_INT:
		buffer_format(cfg->out, value->number < 0 ? "\"%" PRId64 "\"" : "%" PRId64, value->number);
		break;
	case VALUE_BOOL:
		buffer_char(cfg->out, value->number ? '1' : '0');
		break;
	case VALUE_TEXT:
		quoted(cfg, key, value->text);
		break;
	case VALUE_TEXTS:
		buffer_char(cfg->out, '[');
		for (uint32_t i = 0; i < value->texts.count; i++) {
			buffer_text(cfg->out, i ? "," : "");
			quoted(cfg, key, value->texts.item[i]);
		}
		buffer_char(cfg->out, ']');
		break;
	}
}

static void write_passed_on(struct cfg *cfg, const struct map *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct pair *pair = &map->item[i];
		if (!part(cfg, "key of spec.xl", pair->key, "abcdefghijklmnopqrstuvwxyz0123456789_"))
			continue;
		if (*pair->key < 'a' || *pair->key > 'z')
			fail(cfg, "key of spec.xl '%s' does not begin with a letter", pair->key);
		if (is_ours(pair->key))
			fail(cfg, "spec.xl.%s: xensteer writes this key itself", pair->key);
		buffer_format(cfg->out, "%s=", pair->key);
		write_value(cfg, pair->key, &pair->value);
		buffer_char(cfg->out, '\n');
	}
}

static void write_size(struct cfg *cfg, const struct DomainSpec *spec)
{
	const int64_t vcpus = spec->vcpus ? spec->vcpus : 1;
	const int64_t most_vcpus = spec->at[DomainSpec_maxVcpus] ? spec->maxVcpus : vcpus;
	const int64_t most_memory = spec->at[DomainSpec_maxMemory] ? spec->maxMemory : spec->memory;
	if (most_memory < spec->memory)
		fail(cfg, "maxMemory is less than memory");
	if (most_vcpus < vcpus)
		fail(cfg, "maxVcpus is less than vcpus");
	if (spec->memory % MIB || most_memory % MIB)
		fail(cfg, "memory is no whole number of MiB");
	number_line(cfg, "vcpus", vcpus);
	number_line(cfg, "maxvcpus", most_vcpus);
	number_line(cfg, "memory", spec->memory / MIB);
	number_line(cfg, "maxmem", most_memory / MIB);
	if (is_set(spec->cpus) && strcmp(spec->cpus, "all") != 0)
		text_line(cfg, "cpus", spec->cpus);
}

bool cfg_disk(struct buffer *out, const struct Disk *disk, const struct link *link, char **error)
{
	struct cfg cfg = {.out = out, .error = error};
	*error = NULL;
	write_disk(&cfg, disk, link);
	return !*error;
}

bool cfg_nic_fits(const struct Nic *nic, char **error)
{
	struct cfg cfg = {.error = error};
	*error = NULL;
	return nic_fits(&cfg, nic);
}

bool cfg_render(
	struct buffer *out, const struct wanted_domain *domain, const struct links *links, char **error)
{
	const struct DomainSpec *spec = domain->spec;
	struct cfg cfg = {.out = out, .error = error};
	*error = NULL;
	text_line(&cfg, "name", domain->xen_name);
	text_line(&cfg, "uuid", domain->uid);
	text_line(&cfg, "type", choice_domain_type[spec->type]);
	write_size(&cfg, spec);
	write_scheduler(&cfg, spec->scheduler);
	write_boot(&cfg, spec->boot);
	write_disks(&cfg, domain, links);
	write_nics(&cfg, &spec->nics);
	write_graphics(&cfg, spec);
	write_events(&cfg, spec->events);
	write_passed_on(&cfg, &spec->xl);
	return !*error;
}

/* The format that the topmost layer of a chain will have. */
static enum disk_format chain_format(const struct wanted_volume *volume)
{
	if (!volume->chain.count)
		return disk_format_raw;
	const struct Layer *top = volume->chain.item[volume->chain.count - 1];
	if (top->overlay)
		return disk_format_qcow2;
	return top->file ? (enum disk_format)top->file->format : disk_format_raw;
}

struct links cfg_links(struct arena *arena, const struct wanted_domain *domain, const struct links *given)
{
	struct links links = {.arena = arena};
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		if (!disk->volume)
			continue;
		const struct link *known = given ? links_find(given, disk->volume->uid) : NULL;
		struct link stand_in = {.path = arena_format(arena, "/not-yet-made/%s", disk->volume->uid),
			.format = chain_format(disk->volume)};
		links_set(&links, disk->volume->uid, known && known->path ? known : &stand_in);
	}
	return links;
}
