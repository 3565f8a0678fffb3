/* The config drive of a domain: its fields are judged, the files that it names are read, and all that will be
 * on the drive is put together. What a file holds stays in WANT's arena and is never quoted: a diagnostic
 * tells the name of a file, not a byte of it.
 *
 *   nocloud   user-data, meta-data, and if asked for network-config and vendor-data
 *   scene     initialize: a line each for hostname, password, ipaddr */
#include "base/file.h"
#include "model/node.h"
#include "model/quantity.h"
#include "want/loading.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CONFIG_FILE_LARGEST = 1 * MiB, PASSWORD_LONGEST = 256 };

/* Which format a field belongs to; those that are not here belong to both. */
static const struct {
	enum Config_field field;
	enum config_format format;
	const char *file; /* what it is called on the drive */
} fields[] = {
	{Config_address, config_format_scene, NULL},
	{Config_password, config_format_scene, NULL},
	{Config_passwordFile, config_format_scene, NULL},
	{Config_userDataFile, config_format_nocloud, "user-data"},
	{Config_metaDataFile, config_format_nocloud, "meta-data"},
	{Config_networkConfigFile, config_format_nocloud, "network-config"},
	{Config_vendorDataFile, config_format_nocloud, "vendor-data"},
};

/* One file that a field names, while it is read. */
struct reading {
	struct loading *loading;
	struct loaded *loaded;
	const struct mark *at;
	const char *what; /* spec.config.userDataFile */
	const char *path; /* absolute */
};

static bool refuse(const struct reading *reading, const char *hint, const char *words)
{
	return object_error(reading->loading, reading->loaded, reading->at, hint, "%s: %s %s", reading->what,
		reading->path, words);
}

static const char *folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash > path ? arena_copy(arena, path, (size_t)(slash - path)) : "/";
}

/* The folder that a file is opened beneath: that of the manifests as they were read (a snapshot's may stand
 * for another), the image folder, or one that the policy allows. NULL, with an error: none. */
static const char *root_of(const struct reading *reading)
{
	struct arena *arena = reading->loading->arena;
	const struct HostSpec *host = reading->loading->options->host;
	const struct source_root *root = reading->loaded->object.root;
	const char *given = file_absolute(arena, root->given);
	const char *own = root->is_file ? folder_of(arena, given) : given;
	if (text_beneath(reading->path, own))
		return own;
	if (text_beneath(reading->path, host->imageDir))
		return host->imageDir;
	for (uint32_t i = 0; i < host->policy->files.count; i++)
		if (text_beneath(reading->path, host->policy->files.item[i]))
			return host->policy->files.item[i];
	refuse(reading, "the Host's policy.files lists further ones",
		arena_format(arena, "is not beneath a folder that this host allows (%s, %s)", own,
			host->imageDir));
	return NULL;
}

/* Opens it by way of its root, so that no link on the way leads out. -1 with errno. */
static int open_beneath(const char *root, const char *path)
{
	FD_SCOPED folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -1;
	const struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	const char *rest = path + strlen(root);
	rest += strspn(rest, "/");
	return (int)syscall(SYS_openat2, folder, rest, &how, sizeof(how));
}

static bool is_secret(const struct reading *reading, const struct stat *status)
{
	if (reading->loading->options->away)
		return true;
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return refuse(reading, "chown root", "holds a password and belongs to neither root nor you");
	if (status->st_mode & (S_IRWXG | S_IRWXO))
		return refuse(reading, "chmod 600", "holds a password, and others than its owner may use it");
	return true;
}

/* The bytes of a file; NULL, with an error unless *absent. */
static char *read_file(const struct reading *reading, bool secret, size_t *size, bool *absent)
{
	struct arena *arena = reading->loading->arena;
	const char *root = root_of(reading);
	*absent = false;
	if (!root)
		return NULL;
	list_add(arena, &reading->loading->want->named, (void *)(uintptr_t)reading->path);
	FD_SCOPED fd = open_beneath(root, reading->path);
	struct stat status;
	if (fd < 0) {
		*absent = errno == ENOENT;
		if (*absent && secret && reading->loading->options->away)
			return NULL;
		refuse(reading, NULL,
			*absent                            ? "is not there"
			: errno == EXDEV || errno == ELOOP ? arena_format(arena, "leads out of %s", root)
							   : arena_format(arena, "cannot be read: %m"));
		*absent = false;
		return NULL;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		refuse(reading, NULL, "is no regular file");
		return NULL;
	}
	if (secret && !is_secret(reading, &status))
		return NULL;
	if (!status.st_size || status.st_size > CONFIG_FILE_LARGEST) {
		refuse(reading, NULL,
			status.st_size ? "is larger than 1MiB" : "is empty (a full disk makes such files)");
		return NULL;
	}
	char *bytes = arena_alloc(arena, (size_t)status.st_size + 1);
	ssize_t count = TEMP_FAILURE_RETRY(pread(fd, bytes, (size_t)status.st_size, 0));
	if (count != status.st_size) {
		refuse(reading, NULL, "changed while it was read");
		return NULL;
	}
	*size = (size_t)count;
	return bytes;
}

/* Where the file of a field is; false with an error where that is no place for one. */
static bool find_file(struct reading *reading, const char *given)
{
	struct arena *arena = reading->loading->arena;
	reading->path = given;
	if (policy_climbs(given))
		return refuse(reading, "write where it leads", "holds '..', which is not allowed in a path");
	if (given[0] != '/')
		reading->path =
			arena_format(arena, "%s/%s", folder_of(arena, reading->at->file->path), given);
	reading->path = file_absolute(arena, reading->path);
	return true;
}

/* The line `password X` of `initialize` is read word by word. NULL: it fits; else why not. */
static const char *password_problem(const char *password, size_t size)
{
	if (!size)
		return "is empty";
	if (size > PASSWORD_LONGEST)
		return "is longer than 256 bytes";
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)password[i] <= ' ' || password[i] == 0x7f)
			return "holds a space or a control character, which no guest could read back";
	return NULL;
}

static void check_password(struct loading *loading, struct loaded *loaded, const struct Config *config)
{
	struct reading reading = {.loading = loading, .loaded = loaded};
	struct config_parts *parts = &loaded->config;
	if (SET(config, Config, password)) {
		const char *problem = password_problem(config->password, strlen(config->password));
		parts->password = config->password;
		if (problem)
			object_error(loading, loaded, config->at[Config_password], NULL,
				"spec.config.password %s", problem);
	}
	if (!SET(config, Config, passwordFile))
		return;
	reading.at = config->at[Config_passwordFile];
	reading.what = "spec.config.passwordFile";
	size_t size = 0;
	bool absent;
	if (!find_file(&reading, config->passwordFile))
		return;
	char *password = read_file(&reading, true, &size, &absent);
	parts->unknown |= absent;
	if (!password)
		return;
	if (password[size - 1] == '\n')
		password[--size] = '\0';
	const char *problem = password_problem(password, size);
	parts->password = password;
	if (problem)
		refuse(&reading, NULL, arena_format(loading->arena, "%s", problem));
}

static void check_files(struct loading *loading, struct loaded *loaded, const struct Config *config)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *field = &type_Config.fields[fields[i].field];
		struct reading reading = {.loading = loading,
			.loaded = loaded,
			.at = config->at[fields[i].field],
			.what = arena_format(loading->arena, "spec.config.%s", field->key)};
		if (!fields[i].file || !reading.at || reading.at == &mark_broken)
			continue;
		struct config_file *file = arena_make(loading->arena, struct config_file);
		bool absent;
		file->name = fields[i].file;
		if (find_file(&reading, *(const char *const *)field_value(field, config)))
			file->bytes = read_file(&reading, false, &file->size, &absent);
		if (file->bytes)
			list_add(loading->arena, &loaded->config.files, file);
	}
}

/* Fields of the other format; true if there are none. */
static bool check_format(struct loading *loading, struct loaded *loaded, const struct Config *config)
{
	bool good = true;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct mark *at = config->at[fields[i].field];
		if (!at || (int)fields[i].format == config->format)
			continue;
		good = false;
		if (at != &mark_broken)
			object_error(loading, loaded, at, NULL,
				"spec.config.%s belongs to format %s, and this is %s",
				type_Config.fields[fields[i].field].key,
				choice_config_format[fields[i].format], choice_config_format[config->format]);
	}
	return good;
}

/* The disk whose volume remembers what its guest was given: the first that only this guest may write. */
static const struct Disk *root_disk(const struct DomainSpec *spec, uint32_t *index)
{
	for (uint32_t i = 0; i < spec->disks.count; i++) {
		const struct Disk *disk = spec->disks.item[i];
		*index = i;
		if (disk->access == access_rw && disk->device == device_disk)
			return disk;
	}
	return NULL;
}

void config_check(struct loading *loading, struct loaded *loaded)
{
	const struct DomainSpec *spec = loaded->object.domain->spec;
	const struct Config *config = spec->config;
	uint32_t index;
	loaded->config = (struct config_parts){0};
	if (!config || !SET(spec, DomainSpec, config) || !SET(config, Config, format) ||
		!check_format(loading, loaded, config))
		return;
	if (!root_disk(spec, &index) && spec->at[DomainSpec_disks] != &mark_broken)
		object_error(loading, loaded, spec->at[DomainSpec_config],
			"add a disk with access: rw, or tell it all on the kernel's command line",
			"spec.config needs a disk that the guest writes: its volume remembers what was "
			"delivered");
	if (SET(config, Config, vdev) && spec->type != domain_type_hvm &&
		spec->at[DomainSpec_type] != &mark_broken && !text_starts(config->vdev, "xvd"))
		object_error(loading, loaded, config->at[Config_vdev], "write xvdd, ...",
			"%s is for hvm guests: a %s guest has no such devices", config->vdev,
			choice_domain_type[spec->type]);
	if (SET(config, Config, hostname) && SET(config, Config, metaDataFile))
		object_error(loading, loaded, config->at[Config_hostname],
			"write local-hostname into the file, or leave the file out",
			"spec.config.hostname has no effect beside metaDataFile");
	check_password(loading, loaded, config);
	check_files(loading, loaded, config);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct config_file *const *)a)->name, (*(struct config_file *const *)b)->name);
}

static const char *file_name(const void *file)
{
	return ((const struct config_file *)file)->name;
}

static void add_file(struct arena *arena, struct wanted_config *config, const char *name, const char *text)
{
	struct config_file *file = arena_make(arena, struct config_file);
	*file = (struct config_file){.name = name, .bytes = text, .size = strlen(text)};
	list_add(arena, &config->files, file);
	list_sort(&config->files, by_name);
}

/* cloud-init does once per instance what it does: where a change is to make a new guest of it, the instance
 * is another one with each content. */
static const char *instance_id(
	struct arena *arena, const struct wanted_config *config, const struct wanted_domain *domain)
{
	if (config->spec->onChange != config_change_recreate)
		return domain->uid;
	BUFFER_SCOPED all = {0};
	char digest[65];
	for (uint32_t i = 0; i < config->files.count; i++) {
		const struct config_file *file = config->files.item[i];
		buffer_format(&all, "%s %zu\n", file->name, file->size);
		buffer_bytes(&all, file->bytes, file->size);
	}
	text_sha256(buffer_string(&all), all.size, digest);
	return arena_format(arena, "%s-%.8s", domain->uid, digest);
}

static void complete_nocloud(struct arena *arena, struct wanted_config *config,
	const struct wanted_domain *domain, const char *name)
{
	list_sort(&config->files, by_name);
	if (!list_find(&config->files, "user-data", file_name))
		add_file(arena, config, "user-data", "#cloud-config\n{}\n");
	if (!list_find(&config->files, "meta-data", file_name))
		add_file(arena, config, "meta-data",
			arena_format(arena, "instance-id: %s\nlocal-hostname: %s\n",
				instance_id(arena, config, domain), name));
}

static void complete_scene(
	struct arena *arena, struct wanted_config *config, const struct config_parts *parts, const char *name)
{
	BUFFER_SCOPED text = {0};
	buffer_format(&text, "hostname %s\n", name);
	if (parts->password)
		buffer_format(&text, "password %s\n", parts->password);
	if (config->spec->address)
		buffer_format(&text, "ipaddr %s\n", config->spec->address);
	add_file(arena, config, "initialize", arena_copy(arena, buffer_string(&text), text.size));
	/* the buffer's own copy */
	explicit_bzero(text.text, text.size);
	config->password = parts->password || parts->unknown;
}

static const struct Disk *complete_disk(struct arena *arena, const struct wanted_config *config)
{
	struct Disk *disk = type_new(arena, &type_Disk);
	disk->vdev = config->spec->vdev;
	disk->access = access_ro;
	disk->at[Disk_vdev] = disk->at[Disk_access] = config->at;
	return disk;
}

const struct wanted_config *config_complete(
	struct loading *loading, const struct loaded *loaded, const struct wanted_domain *domain)
{
	struct arena *arena = loading->arena;
	const struct Config *spec = domain->spec->config;
	uint32_t index;
	if (!spec || !root_disk(domain->spec, &index))
		return NULL;
	const bool waits = spec->acknowledge || spec->format == config_format_scene ||
			   spec->detach == config_detach_acknowledged;
	const struct Acknowledge *acknowledge =
		spec->acknowledge ? spec->acknowledge : type_new(arena, &type_Acknowledge);
	struct wanted_config *config = arena_make(arena, struct wanted_config);
	*config = (struct wanted_config){.spec = spec,
		.files = loaded->config.files,
		.known = !loaded->config.unknown,
		.timeout = waits ? acknowledge->timeout : 0,
		.root = domain->disks.item[index],
		.at = domain->spec->at[DomainSpec_config]};
	const char *name = spec->hostname ? spec->hostname : domain->name;
	if (spec->format == config_format_scene)
		complete_scene(arena, config, &loaded->config, name);
	else
		complete_nocloud(arena, config, domain, name);
	config->disk = complete_disk(arena, config);
	config->volume = (struct wanted_volume){.name = arena_format(arena, "%s-config", domain->name),
		.object = domain->object,
		.domain_uid = domain->uid,
		.vdev = spec->vdev,
		.at = config->at};
	uid_of_inline(domain->uid, "config drive", config->volume.uid);
	return config;
}
