/* generate FOLDER COUNT: what `make bench` plans with. In comes a number, out go
 *
 *   FOLDER/manifests/      COUNT domains like web-1 of the manifest's design, one file each, and their image
 *   FOLDER/settled.json    a snapshot of a host where all of them run as wanted, but for every hundredth,
 *                          which has half the memory
 *   FOLDER/empty.json      a snapshot of a host where none of them is there
 *
 * The snapshots are written by the function behind `xensteer snapshot`, from the identities that loading the
 * manifests derives, so that a plan against them is what it would be against the host that they describe.
 * Numbers whose derived MAC is another's are left out: among ten thousand nics some are equal, and those
 * would be errors. */
#include "base/file.h"
#include "face/snapshot_json.h"
#include "model/quantity.h"
#include "want/load.h"
#include <stdlib.h>
#include <string.h>

enum { DIFFERS_EVERY = 100, FIRST_INODE = 10961986 };

static const char image_manifest[] = "apiVersion: xensteer/v1\n"
				     "kind: Image\n"
				     "metadata: {name: debian12}\n"
				     "spec:\n"
				     "  path: debian12.qcow2\n"
				     "  format: qcow2\n";

static const char domain_manifest[] =
	"apiVersion: xensteer/v1\n"
	"kind: Domain\n"
	"metadata:\n"
	"  name: web-%d\n"
	"spec:\n"
	"  memory: 512MiB\n"
	"  boot: {kernel: /boot/vmlinuz, ramdisk: /boot/initrd.img, cmdline: root=/dev/xvda ro}\n"
	"  disks:\n"
	"    - vdev: xvda\n"
	"      volume:                       # inline: owned by this domain\n"
	"        chain:\n"
	"          - image: debian12         # kind: Image, read-only base\n"
	"          - overlay: {size: 10GiB}  # qcow2 by default\n"
	"  nics:\n"
	"    - bridge: xenbr0\n";

static const char image_path[] = "/var/lib/xensteer/images/debian12.qcow2", image_id[] = "254:0:10961969",
		  image_changed[] = "196640@1795157819.493380501";

static void __attribute__((noreturn)) fail(const char *path)
{
	perror(path);
	exit(1);
}

static void write_text(const char *path, const struct buffer *text)
{
	FILE *file = fopen(path, "w");
	if (!file || fwrite(text->text, 1, text->size, file) != text->size || fclose(file) != 0)
		fail(path);
}

/* The next number after `number` whose name derives a MAC that none before has. */
static int number_next(struct arena *arena, int number, unsigned char *taken)
{
	for (;;) {
		char uid[UID_SIZE], mac[MAC_SIZE];
		unsigned octets[3];
		uid_of("default", "Domain", arena_format(arena, "web-%d", ++number), uid);
		mac_of("00:16:3e", uid, "eth0", mac);
		sscanf(mac + 8, ":%x:%x:%x", &octets[0], &octets[1], &octets[2]);
		unsigned own = octets[0] << 16 | octets[1] << 8 | octets[2];
		if (taken[own])
			continue;
		taken[own] = 1;
		return number;
	}
}

static void write_manifests(struct arena *arena, const char *folder, int count)
{
	unsigned char *taken = arena_alloc(arena, 1 << 24);
	if (!file_folders(folder, 0755))
		fail(folder);
	BUFFER_SCOPED text = {0};
	buffer_text(&text, image_manifest);
	write_text(arena_format(arena, "%s/image.yaml", folder), &text);
	for (int number = 0; count; count--) {
		number = number_next(arena, number, taken);
		text.size = 0;
		buffer_format(&text, domain_manifest, number);
		write_text(arena_format(arena, "%s/web-%d.yaml", folder, number), &text);
	}
}

static struct LayerFound *layer_found(
	struct arena *arena, const char *key, const char *path, const char *id, int64_t size)
{
	struct LayerFound *layer = type_new(arena, &type_LayerFound);
	KNOW(layer, LayerFound, layer, key);
	KNOW(layer, LayerFound, path, path);
	KNOW(layer, LayerFound, format, disk_format_qcow2);
	KNOW(layer, LayerFound, size, size);
	KNOW(layer, LayerFound, id, id);
	KNOW(layer, LayerFound, base, "debian12");
	KNOW(layer, LayerFound, baseId, arena_format(arena, "%s %s", image_id, image_changed));
	return layer;
}

static void know_chain(struct arena *arena, struct list *chain, const char *path, const char *id)
{
	list_add(arena, chain, layer_found(arena, "image", image_path, image_id, 2 * GiB));
	list_add(arena, chain, layer_found(arena, "overlay", path, id, 10 * GiB));
}

static struct HaveVolume *volume_found(struct arena *arena, const struct want *want,
	const struct wanted_volume *wanted, const char *path, const char *id)
{
	struct Label *label = type_new(arena, &type_Label);
	KNOW(label, Label, owner, want->owner);
	KNOW(label, Label, kind, "Domain");
	KNOW(label, Label, name, wanted->name);
	KNOW(label, Label, uid, wanted->uid);
	KNOW(label, Label, source, wanted->object->root->path);
	KNOW(label, Label, domain, wanted->domain_uid);
	KNOW(label, Label, reclaim, (int)wanted->reclaim);
	KNOW(label, Label, protect, false);
	know_chain(arena, &label->chain, path, id);
	label->at[Label_chain] = &mark_observed;

	struct HaveVolume *volume = type_new(arena, &type_HaveVolume);
	KNOW(volume, HaveVolume, name, wanted->name);
	KNOW(volume, HaveVolume, uid, wanted->uid);
	KNOW(volume, HaveVolume, label, label);
	KNOW(volume, HaveVolume, state, volume_state_complete);
	know_chain(arena, &volume->chain, path, id);
	volume->at[HaveVolume_chain] = &mark_observed;
	return volume;
}

static struct Record *mark_found(
	struct arena *arena, const struct want *want, const struct wanted_domain *wanted)
{
	const struct Nic *nic = wanted->spec->nics.item[0];
	struct Nic *known = type_new(arena, &type_Nic);
	KNOW(known, Nic, name, nic->name);
	KNOW(known, Nic, mac, nic->mac);
	struct Shutdown *shutdown = type_new(arena, &type_Shutdown);
	shutdown->at[Shutdown_timeout] = shutdown->at[Shutdown_escalate] = &mark_observed;

	struct Record *mark = type_new(arena, &type_Record);
	KNOW(mark, Record, owner, want->owner);
	KNOW(mark, Record, kind, "Domain");
	KNOW(mark, Record, name, wanted->name);
	KNOW(mark, Record, source, wanted->object->root->path);
	KNOW(mark, Record, protect, false);
	KNOW(mark, Record, shutdown, shutdown);
	list_add(arena, &mark->nics, known);
	mark->at[Record_nics] = mark->at[Record_xl] = &mark_observed;
	return mark;
}

static void know_devices(struct arena *arena, struct DomainSpec *spec, const struct wanted_domain *wanted,
	const char *path, const char *id)
{
	struct Disk *disk = type_new(arena, &type_Disk);
	KNOW(disk, Disk, vdev, "xvda");
	KNOW(disk, Disk, access, access_rw);
	KNOW(disk, Disk, device, device_disk);
	KNOW(disk, Disk, target, path);
	KNOW(disk, Disk, id, id);
	KNOW(disk, Disk, format, disk_format_qcow2);
	KNOW(disk, Disk, connected, true);
	list_add(arena, &spec->disks, disk);
	spec->at[DomainSpec_disks] = &mark_observed;

	const struct Nic *nic = wanted->spec->nics.item[0];
	struct Nic *found = type_new(arena, &type_Nic);
	KNOW(found, Nic, name, nic->name);
	KNOW(found, Nic, bridge, nic->bridge);
	KNOW(found, Nic, mac, nic->mac);
	KNOW(found, Nic, device, 0);
	KNOW(found, Nic, connected, true);
	list_add(arena, &spec->nics, found);
	spec->at[DomainSpec_nics] = &mark_observed;
}

static struct DomainSpec *spec_found(struct arena *arena, const struct wanted_domain *wanted, int64_t memory,
	const char *path, const char *id)
{
	struct DomainSpec *spec = type_new(arena, &type_DomainSpec);
	KNOW(spec, DomainSpec, type, domain_type_pv);
	KNOW(spec, DomainSpec, memory, memory);
	KNOW(spec, DomainSpec, maxMemory, 512 * MiB);
	KNOW(spec, DomainSpec, vcpus, 1);
	KNOW(spec, DomainSpec, maxVcpus, 1);
	KNOW(spec, DomainSpec, cpus, "all");
	struct Scheduler *scheduler = type_new(arena, &type_Scheduler);
	KNOW(scheduler, Scheduler, weight, 256);
	KNOW(scheduler, Scheduler, cap, 0);
	KNOW(spec, DomainSpec, scheduler, scheduler);
	struct Boot *boot = type_new(arena, &type_Boot);
	KNOW(boot, Boot, kernel, wanted->spec->boot->kernel);
	KNOW(boot, Boot, ramdisk, wanted->spec->boot->ramdisk);
	KNOW(boot, Boot, cmdline, wanted->spec->boot->cmdline);
	KNOW(boot, Boot, bootloader, "");
	KNOW(spec, DomainSpec, boot, boot);
	know_devices(arena, spec, wanted, path, id);
	spec->at[DomainSpec_xl] = &mark_observed;
	return spec;
}

static void domain_found(struct have *have, const struct want *want, uint32_t index)
{
	struct arena *arena = have->arena;
	const struct wanted_domain *wanted = want->domains.item[index];
	const struct wanted_volume *volume = ((struct wanted_disk *)wanted->disks.item[0])->volume;
	const char *path =
		arena_format(arena, "/var/lib/xensteer/default/volumes/%s/1-overlay.qcow2", volume->uid);
	const char *id = arena_format(arena, "254:0:%u", FIRST_INODE + index);

	struct HaveDomain *domain = type_new(arena, &type_HaveDomain);
	KNOW(domain, HaveDomain, domid, (int64_t)index + 1);
	KNOW(domain, HaveDomain, uuid, wanted->uid);
	KNOW(domain, HaveDomain, name, wanted->name);
	KNOW(domain, HaveDomain, owned, true);
	KNOW(domain, HaveDomain, power, found_power_Running);
	KNOW(domain, HaveDomain, halfBuilt, false);
	KNOW(domain, HaveDomain, deviceModel, true);
	KNOW(domain, HaveDomain, mark, mark_found(arena, want, wanted));
	const int64_t memory = (index % DIFFERS_EVERY ? 512 : 256) * (int64_t)MiB;
	KNOW(domain, HaveDomain, spec, spec_found(arena, wanted, memory, path, id));
	list_add(arena, &have->found->domains, domain);
	list_add(arena, &have->found->volumes, volume_found(arena, want, volume, path, id));
}

static void write_snapshot(const char *path, const struct want *want, uint32_t count)
{
	HAVE_SCOPED have = have_new();
	struct HostFacts *host = have->found->host;
	KNOW(host, HostFacts, name, "dom0");
	KNOW(host, HostFacts, owner, want->owner);
	KNOW(host, HostFacts, driver, "xen");
	KNOW(host, HostFacts, xen, "4.17.5");
	KNOW(host, HostFacts, cpus, 64);
	KNOW(host, HostFacts, memory, 16 * TiB);
	KNOW(host, HostFacts, free, TiB);
	host->bridges = (struct texts){.item = arena_array(have->arena, const char *, 1), .count = 1};
	host->bridges.item[0] = "xenbr0";
	host->at[HostFacts_bridges] = &mark_observed;
	KNOW(host, HostFacts, deletions, 0);
	static const int lists[] = {Observation_domains, Observation_volumes, Observation_images};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		have->found->at[lists[i]] = &mark_observed;
	for (uint32_t i = 0; i < count; i++)
		domain_found(have, want, i);
	have_sort(have);

	FILE *file = fopen(path, "w");
	if (!file)
		fail(path);
	struct json json = json_to_file(file, true);
	snapshot_json(&json, have, true);
	json_end(&json);
	if (fclose(file) != 0)
		fail(path);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;
	if (count < 1) {
		fprintf(stderr, "usage: generate FOLDER COUNT\n");
		return 64;
	}
	ARENA_SCOPED arena = arena_new();
	const char *manifests = arena_format(arena, "%s/manifests", argv[1]);
	write_manifests(arena, manifests, count);

	REPORT_SCOPED report = report_new();
	const struct HostSpec *host = host_settings(arena, NULL, report);
	struct load_options options = {
		.paths = &manifests, .path_count = 1, .host = host, .owner = "default", .host_name = "dom0"};
	WANT_SCOPED want = host ? want_load(&options, report) : NULL;
	if (!want || !want->complete || want->domains.count != (uint32_t)count) {
		report_text(report, stderr, false);
		return 1;
	}
	write_snapshot(arena_format(arena, "%s/settled.json", argv[1]), want, want->domains.count);
	write_snapshot(arena_format(arena, "%s/empty.json", argv[1]), want, 0);
	return 0;
}
