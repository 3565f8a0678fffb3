/* What the host lets manifests name: files beneath allowed folders, bootloaders, keys of xl.cfg. Judged by
 * text alone, so that it can be done anywhere; where a symlink really leads is judged again on the host, when
 * the file is opened. */
#include "base/file.h"
#include "model/node.h"
#include "want/loading.h"
#include <string.h>

bool policy_climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2)
		if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
			return true;
	return false;
}

static bool is_beneath_any(const char *path, const struct texts *folders)
{
	for (uint32_t i = 0; i < folders->count; i++)
		if (text_beneath(path, folders->item[i]))
			return true;
	return false;
}

/* The folder of the manifests: the root, or what a root that is a file lies in. */
static const char *manifest_folder(struct arena *arena, const struct source_root *root)
{
	if (!root->is_file)
		return root->path;
	const char *slash = strrchr(root->path, '/');
	return slash && slash > root->path ? arena_copy(arena, root->path, (size_t)(slash - root->path))
					   : "/";
}

static void allowed_add(struct buffer *words, const struct texts *folders)
{
	for (uint32_t i = 0; folders && i < folders->count; i++)
		buffer_format(words, ", %s", folders->item[i]);
}

/* An absolute path beneath the manifests, the image folder, policy.files, or `more`. */
static void check_path(struct loading *loading, struct loaded *loaded, const struct mark *at,
	const char *what, const char *path, const struct texts *more)
{
	const struct HostSpec *host = loading->options->host;
	if (!at || at == &mark_broken || !path)
		return;
	if (path[0] != '/') {
		object_error(
			loading, loaded, at, NULL, "%s: expected an absolute path, found '%s'", what, path);
		return;
	}
	if (policy_climbs(path)) {
		object_error(loading, loaded, at, "write where it leads", "%s: '..' is not allowed in a path",
			what);
		return;
	}
	const char *own = manifest_folder(loading->arena, loaded->object.root);
	if (text_beneath(path, own) || text_beneath(path, host->imageDir) ||
		(more && is_beneath_any(path, more)) || is_beneath_any(path, &host->policy->files))
		return;
	BUFFER_SCOPED words = {0};
	buffer_format(&words, "allowed: %s, %s", own, host->imageDir);
	allowed_add(&words, more);
	allowed_add(&words, &host->policy->files);
	object_error(loading, loaded, at, buffer_string(&words),
		"%s: %s is not beneath a folder that this host allows", what, path);
}

/* Keys of xl.cfg(5) that have a field; a name that ends with * stands for all that begin so. */
static const struct owned_key {
	const char *key, *field;
} owned_keys[] = {
	{"name", "metadata.name, or spec.domainName"},
	{"uuid", "metadata.uid"},
	{"type", "spec.type"},
	{"builder", "spec.type"},
	{"memory", "spec.memory"},
	{"maxmem", "spec.maxMemory"},
	{"vcpus", "spec.vcpus"},
	{"maxvcpus", "spec.maxVcpus"},
	{"cpus", "spec.cpus"},
	{"cpu_weight", "spec.scheduler.weight"},
	{"cap", "spec.scheduler.cap"},
	{"kernel", "spec.boot.kernel"},
	{"ramdisk", "spec.boot.ramdisk"},
	{"cmdline", "spec.boot.cmdline"},
	{"root", "spec.boot.cmdline"},
	{"extra", "spec.boot.cmdline"},
	{"bootloader", "spec.boot.bootloader"},
	{"disk", "spec.disks"},
	{"cdrom", "spec.disks"},
	{"vif", "spec.nics"},
	{"pci", "spec.pci"},
	{"vfb", "spec.graphics"},
	{"vnc", "spec.graphics.vnc"},
	{"vnclisten", "spec.graphics.vnc.listen"},
	{"vncdisplay", "spec.graphics.vnc.port"},
	{"on_poweroff", "spec.events.poweroff"},
	{"on_reboot", "spec.events.reboot"},
	{"on_crash", "spec.events.crash"},
	{"on_watchdog", "spec.events.watchdog"},
};

/* Keys by which a guest's author would run programs in dom0, or get at dom0's files and devices. */
static const char *const dangerous_keys[] = {"bootloader_args", "device_model_*", "stubdomain_*", "firmware",
	"firmware_override", "bios_path_override", "acpi_firmware", "smbios_firmware", "device_tree",
	"serial", "channel", "p9", "iomem", "ioports", "irqs", "dtdev", "usbdev", "usbdevice", "vtpm",
	"script", NULL};

/* spec.xl is shown wherever an object is: a secret has no place in it, whatever the host allows. */
static const char *const secret_keys[] = {"vncpasswd", "spicepasswd", NULL};

static bool key_is(const char *key, const char *pattern)
{
	size_t length = strlen(pattern);
	return pattern[length - 1] == '*' ? strncmp(key, pattern, length - 1) == 0
					  : strcmp(key, pattern) == 0;
}

static bool is_named(const struct texts *texts, const char *word)
{
	for (uint32_t i = 0; i < texts->count; i++)
		if (strcmp(texts->item[i], word) == 0)
			return true;
	return false;
}

static void check_xl_key(struct loading *loading, struct loaded *loaded, const struct pair *pair)
{
	const struct Policy *policy = loading->options->host->policy;
	for (size_t i = 0; i < sizeof(owned_keys) / sizeof(*owned_keys); i++)
		if (strcmp(pair->key, owned_keys[i].key) == 0) {
			object_error(loading, loaded, pair->at,
				arena_format(loading->arena, "use %s", owned_keys[i].field),
				"spec.xl.%s has a field of its own", pair->key);
			return;
		}
	for (int i = 0; secret_keys[i]; i++)
		if (strcmp(pair->key, secret_keys[i]) == 0) {
			object_error(loading, loaded, pair->at,
				"let it listen on 127.0.0.1 only; Debian 12's QEMU takes no VNC password "
				"anyway",
				"spec.xl.%s: a password in spec.xl would be shown in every plan", pair->key);
			return;
		}
	if (policy->at[Policy_xlKeys]) {
		if (!is_named(&policy->xlKeys, pair->key))
			object_error(loading, loaded, pair->at,
				"the Host's policy.xlKeys lists those that are",
				"spec.xl.%s is not allowed on this host", pair->key);
		return;
	}
	for (int i = 0; dangerous_keys[i]; i++)
		if (key_is(pair->key, dangerous_keys[i]))
			object_error(loading, loaded, pair->at, "the Host's policy.xlKeys may allow it",
				"spec.xl.%s reaches into dom0", pair->key);
}

void policy_check_domain(struct loading *loading, struct loaded *loaded)
{
	const struct DomainSpec *spec = loaded->object.domain->spec;
	const struct Policy *policy = loading->options->host->policy;
	const struct Boot *boot = spec->boot;
	if (boot) {
		check_path(loading, loaded, boot->at[Boot_kernel], "spec.boot.kernel", boot->kernel,
			&policy->kernels);
		check_path(loading, loaded, boot->at[Boot_ramdisk], "spec.boot.ramdisk", boot->ramdisk,
			&policy->kernels);
		if (SET(boot, Boot, bootloader) && !is_named(&policy->bootloaders, boot->bootloader)) {
			BUFFER_SCOPED words = {0};
			for (uint32_t i = 0; i < policy->bootloaders.count; i++)
				buffer_format(
					&words, "%s%s", i ? ", " : "allowed: ", policy->bootloaders.item[i]);
			object_error(loading, loaded, boot->at[Boot_bootloader],
				words.size ? words.text : NULL,
				"spec.boot.bootloader: %s is not allowed on this host", boot->bootloader);
		}
	}
	for (uint32_t i = 0; i < spec->xl.count; i++)
		check_xl_key(loading, loaded, &spec->xl.item[i]);
}

const char *policy_image_path(struct loading *loading, const struct ImageSpec *spec)
{
	if (spec->path[0] == '/')
		return file_absolute(loading->arena, spec->path);
	return file_absolute(loading->arena,
		arena_format(loading->arena, "%s/%s", loading->options->host->imageDir, spec->path));
}

void policy_check_image(struct loading *loading, struct loaded *loaded)
{
	const struct ImageSpec *spec = loaded->object.image->spec;
	if (!spec || !SET(spec, ImageSpec, path))
		return;
	const struct mark *at = spec->at[ImageSpec_path];
	if (policy_climbs(spec->path))
		object_error(loading, loaded, at, "write where it leads",
			"spec.path: '..' is not allowed in a path");
	else if (spec->path[0] == '/')
		check_path(loading, loaded, at, "spec.path", spec->path, NULL);
}

static void check_device(struct loading *loading, struct loaded *loaded, const struct BlockLayer *block)
{
	const struct texts *devices = &loading->options->host->policy->blockDevices;
	if (SET(block, BlockLayer, path) && (block->path[0] != '/' || policy_climbs(block->path) ||
						    !is_beneath_any(block->path, devices)))
		object_error(loading, loaded, block->at[BlockLayer_path],
			"the Host's policy.blockDevices lists those that are",
			"block: %s is not allowed on this host", block->path);
}

/* A socket is a file of this host; another host's exports are that one's business. One that is escaped was
 * refused with the uri. */
static void check_export(struct loading *loading, struct loaded *loaded, const struct NbdLayer *nbd)
{
	static const char key[] = "?socket=";
	const char *socket = SET(nbd, NbdLayer, uri) ? strstr(nbd->uri, key) : NULL;
	if (socket && text_starts(nbd->uri, "nbd+unix:") && !strchr(socket, '%'))
		check_path(loading, loaded, nbd->at[NbdLayer_uri], "nbd", socket + strlen(key), NULL);
}

/* A group is the folder of its volumes: /dev/GROUP. */
static void check_group(struct loading *loading, struct loaded *loaded, const struct LvmLayer *lvm)
{
	if (!SET(lvm, LvmLayer, group))
		return;
	const char *path = arena_format(loading->arena, "/dev/%s", lvm->group);
	if (policy_climbs(path) || !is_beneath_any(path, &loading->options->host->policy->blockDevices))
		object_error(loading, loaded, lvm->at[LvmLayer_group],
			"the Host's policy.blockDevices lists those that are, as /dev/GROUP",
			"lvm: group %s is not allowed on this host", lvm->group);
}

/* A local volume is a folder of this host; what an HDFS holds is that one's business, and what stands there
 * already is never touched. */
static void check_hlfs(struct loading *loading, struct loaded *loaded, const struct HlfsLayer *hlfs)
{
	static const char local[] = "local://";
	const struct mark *at = hlfs->at[HlfsLayer_uri];
	if (!SET(hlfs, HlfsLayer, uri))
		return;
	if (text_starts(hlfs->uri, local))
		check_path(loading, loaded, at, "hlfs", hlfs->uri + sizeof(local) - 1, NULL);
	else if (policy_climbs(hlfs->uri))
		object_error(
			loading, loaded, at, "write where it leads", "hlfs: '..' is not allowed in a uri");
}

void policy_check_chain(struct loading *loading, struct loaded *loaded, const struct list *chain)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct Layer *layer = chain->item[i];
		if (SET(layer, Layer, block))
			check_device(loading, loaded, layer->block);
		if (SET(layer, Layer, lvm))
			check_group(loading, loaded, layer->lvm);
		if (SET(layer, Layer, hlfs))
			check_hlfs(loading, loaded, layer->hlfs);
		if (SET(layer, Layer, nbd))
			check_export(loading, loaded, layer->nbd);
	}
}
