#include "host/xen/xl_describe.h"
#include "model/have.h"
#include "model/quantity.h"
#include "recorded.h"

static struct list described(struct arena *arena, const char *file)
{
	size_t size;
	struct list list;
	const char *error = NULL, *text = recorded(arena, file, &size);
	cr_assert(xl_describe_list(arena, text, size, &list, &error), "%s: %s", file, error);
	return list;
}

Test(xl_describe, a_rich_guest_comes_back_as_its_cfg_said)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = described(arena, "list-l-rich.json");
	cr_assert_eq(list.count, 1);
	const struct described *rich = list.item[0];
	const struct DomainSpec *spec = rich->spec;
	cr_expect_eq(rich->domid, 12);
	cr_expect_str_eq(rich->name, "rich");
	cr_expect_str_eq(rich->uuid, "0a1b2c3d-4e5f-4607-9889-0a0b0c0d0e0f");
	cr_expect_eq(spec->type, domain_type_pv);
	cr_expect_eq(spec->memory, 128 * MiB);
	cr_expect_eq(spec->maxMemory, 256 * MiB);
	cr_expect_eq(spec->vcpus, 2);
	cr_expect_eq(spec->maxVcpus, 4);
	cr_expect_str_eq(spec->cpus, "0-1");
	cr_expect_eq(spec->scheduler->weight, 512);
	cr_expect_eq(spec->scheduler->cap, 50);
	cr_expect_str_eq(spec->boot->bootloader, "pygrub");
	cr_expect(KNOWN(spec->boot, Boot, kernel));
	cr_expect_str_eq(spec->boot->kernel, "");
	cr_expect_str_eq(spec->graphics->vnc->listen, "127.0.0.1");
	cr_expect_eq(spec->graphics->vnc->port, 5910);
	cr_expect_eq(spec->events->poweroff, event_action_preserve);

	cr_assert_eq(spec->disks.count, 3);
	const struct Disk *const *disk = (const struct Disk *const *)spec->disks.item;
	cr_expect_str_eq(disk[0]->vdev, "xvda");
	cr_expect_str_eq(disk[0]->target, "/var/rec/boot.raw");
	cr_expect_eq(disk[0]->format, disk_format_raw);
	cr_expect_eq(disk[0]->access, access_rw);
	cr_expect(!KNOWN(disk[0], Disk, connected));
	cr_expect_eq(disk[1]->access, access_ro);
	cr_expect_eq(disk[2]->format, disk_format_qcow2);

	cr_assert_eq(spec->nics.count, 2);
	const struct Nic *second = spec->nics.item[1];
	cr_expect_str_eq(second->mac, "00:16:3e:00:00:11");
	cr_expect_str_eq(second->bridge, "xenbr0");
	cr_expect_str_eq(second->ip, "10.9.0.20");
	cr_expect_eq(second->device, 1);
	cr_expect(!KNOWN(second, Nic, name));
}

Test(xl_describe, memory_follows_the_balloon)
{
	ARENA_SCOPED arena = arena_new();
	const struct described *rich = described(arena, "list-l-rich-mem-set-200m.json").item[0];
	cr_expect_eq(rich->spec->memory, 200 * MiB);
	cr_expect_eq(rich->spec->maxMemory, 256 * MiB);
}

Test(xl_describe, who_cannot_be_described_is_left_out_and_dom0_too)
{
	ARENA_SCOPED arena = arena_new();
	cr_expect_eq(described(arena, "list-l-none.json").count, 0);
	struct list all = described(arena, "list-l-all.json");
	for (uint32_t i = 0; i < all.count; i++) {
		const struct described *described = all.item[i];
		cr_expect_neq(described->domid, 8, "the half-built one has no JSON");
		cr_expect(described->domid > 0);
	}
}

Test(xl_describe, what_is_absent_is_known_where_absence_has_a_meaning)
{
	ARENA_SCOPED arena = arena_new();
	const struct described *web = described(arena, "list-l-one-running.json").item[0];
	const struct DomainSpec *spec = web->spec;
	cr_expect_str_eq(spec->boot->kernel, "/guest/vmlinux");
	cr_expect_str_eq(spec->boot->cmdline, "console=hvc0 quiet");
	cr_expect(KNOWN(spec->boot, Boot, bootloader));
	cr_expect_str_eq(spec->boot->bootloader, "");
	cr_expect_str_eq(spec->cpus, "all");
	cr_expect(KNOWN(spec, DomainSpec, graphics));
	cr_expect_null(spec->graphics);
	cr_expect_eq(spec->events->poweroff, event_action_destroy);
	cr_expect_eq(spec->events->reboot, event_action_restart);
	cr_expect(!KNOWN(spec, DomainSpec, xl));
}

Test(xl_describe, the_dry_run_has_no_domid)
{
	ARENA_SCOPED arena = arena_new();
	size_t size;
	struct described described;
	const char *error = NULL, *text = recorded(arena, "dry-run-rich-kernel.json", &size);
	cr_assert(xl_describe_dry_run(arena, text, size, &described, &error));
	cr_expect_eq(described.domid, -1);
	cr_expect_str_eq(described.spec->boot->cmdline, "root=/dev/xvda ro console=hvc0 quiet \"q\" b\\s");
	/* a different cpu for each vcpu has no field */
	cr_expect(!KNOWN(described.spec, DomainSpec, cpus));
}

/* Every shorter text than a whole answer is refused: a list that was cut off is not a list of fewer domains.
 */
Test(xl_describe, truncated_at_every_byte)
{
	ARENA_SCOPED arena = arena_new();
	size_t size;
	struct list list;
	const char *error, *text = recorded(arena, "list-l-rich.json", &size);
	while (size && text[size - 1] != ']')
		size--;
	for (size_t cut = 0; cut < size; cut += 7) {
		ARENA_SCOPED scratch = arena_new();
		cr_expect(!xl_describe_list(scratch, text, cut, &list, &error), "%zu bytes", cut);
		cr_expect_eq(list.count, 0);
	}
	cr_expect(xl_describe_list(arena, text, size, &list, &error));
}

Test(xl_describe, wrong_types_are_not_known)
{
	static const char text[] =
		"[7, null, {\"domid\": \"3\", \"config\": {}}, {\"domid\": 4},"
		" {\"domid\": 5, \"config\": {\"c_info\": {\"type\": 3, \"name\": [], \"uuid\": {}},"
		"  \"b_info\": {\"max_memkb\": \"x\", \"target_memkb\": 1.5, \"max_vcpus\": 1e300, "
		"\"avail_vcpus\": 3,"
		"  \"vcpu_hard_affinity\": [[-1]], \"sched_params\": [], \"kernel\": 7},"
		"  \"disks\": [{\"pdev_path\": \"/x\"}, {\"vdev\": \"xvda\", \"format\": \"vhd\"}, 3], "
		"\"nics\": {\"a\": {}},"
		"  \"vfbs\": \"none\", \"on_crash\": \"explode\"}}]";
	ARENA_SCOPED arena = arena_new();
	struct list list;
	const char *error;
	cr_assert(xl_describe_list(arena, text, strlen(text), &list, &error));
	cr_assert_eq(list.count, 1);
	const struct described *odd = list.item[0];
	const struct DomainSpec *spec = odd->spec;
	cr_expect_eq(odd->domid, 5);
	cr_expect_null(odd->name);
	cr_expect_null(odd->uuid);
	cr_expect(!KNOWN(spec, DomainSpec, type));
	cr_expect(!KNOWN(spec, DomainSpec, memory));
	cr_expect(!KNOWN(spec, DomainSpec, maxMemory));
	cr_expect(!KNOWN(spec, DomainSpec, maxVcpus));
	cr_expect(!KNOWN(spec, DomainSpec, vcpus));
	cr_expect(!KNOWN(spec, DomainSpec, cpus));
	cr_expect(!KNOWN(spec->events, Events, crash));
	cr_assert_eq(spec->disks.count, 1);
	cr_expect(!KNOWN((struct Disk *)spec->disks.item[0], Disk, format));
}
